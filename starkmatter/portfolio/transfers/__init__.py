"""Shares that go from one of a person's accounts to another, with their lots: no sale."""
