"""One module per page; each is composed of parts and draws its state."""
