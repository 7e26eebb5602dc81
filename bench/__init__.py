"""Measurements against floors. Tests never time anything; figures come from here: `python -m bench`."""
