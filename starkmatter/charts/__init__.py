"""What lies on a person's chart besides prices: drawings, templates and events."""
