"""Tax lots of a person's accounts: what is open, what was realized, and which lots a sale takes."""
