"""What is true without a computer: money, quotes, orders, matching, the ledger. No IO, no clock, no settings."""
