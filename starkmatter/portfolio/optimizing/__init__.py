"""Weights with the least risk, equal parts of it, or the most return for it: asked here, solved elsewhere."""
