"""Where news comes from: one module per source."""
