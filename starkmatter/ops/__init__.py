"""What keeps the product running: supervisor, embedded engines, front end, logs, health and backups."""
