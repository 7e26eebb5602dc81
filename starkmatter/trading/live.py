"""Accounts of real money: what this version lets them do, which is to be looked at."""

LIVE_WORDS = "Live orders are not enabled yet: this account at the broker is shown here, and orders for it are refused."
