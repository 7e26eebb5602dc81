"""Language models, one vendor per module."""
