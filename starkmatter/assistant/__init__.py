"""The analyst: answers from the caller's own data with footnotes, proposes tickets, never sends one."""
