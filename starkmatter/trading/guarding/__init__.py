"""Switches, pauses and rules: what stops or bounds orders by the will of whoever owns the account."""
