"""Screens over every symbol of a venue, the map of the market and its movers.

The worker keeps the universe as rows of numbers and computes (`desk`, `universe`, `figures`, `evaluate`); the web
process asks it (`service`) and loads no numpy for that.
"""
