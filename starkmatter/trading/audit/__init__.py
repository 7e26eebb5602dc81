"""Orders and money in the audit log: read from the journals, so that the path of an order does not wait for it."""
