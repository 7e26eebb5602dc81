"""Several orders of one account that are looked at as one and sent by one action of a person."""
