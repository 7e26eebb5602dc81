"""Connections: which vendors can be connected, and the keys a person or an admin gives for them."""
