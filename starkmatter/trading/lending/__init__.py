"""What a margin account borrows: how it stands, what it costs, and what happens when it does not keep enough."""
