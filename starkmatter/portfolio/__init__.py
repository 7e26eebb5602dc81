"""What an account is worth and why: accounts, positions, value, the ledger."""
