"""Bars and ticks that are kept: written, corrected, repaired, rolled up, and dropped when they are old."""
