"""One module per broker; paper is the first."""
