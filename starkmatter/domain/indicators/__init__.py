"""Technical indicators: one catalogue, one computation over history, and one that follows live bars with equal results.

Nothing here loads numpy or TA-Lib before a number is asked for.
"""
