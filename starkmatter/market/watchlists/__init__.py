"""Lists of symbols that a person watches."""
