"""Which actions are booked on which accounts, in one place: by what keeps the account's book.

Nothing is booked on an account whose broker keeps it: the broker's own reports bring what it did. A paper account has
everything from here. Whoever keeps another kind of account adds a line.
"""

ALL_KINDS = frozenset({"split", "stock_dividend", "dividend", "symbol_change", "delisting", "spin_off"})
# By the account's `broker`. One that is filled from files of another program has its dividends in these files.
BOOKED_HERE: dict[str, frozenset[str]] = {
    "paper": ALL_KINDS,
    "tracked": ALL_KINDS - {"dividend"},
}


def kinds_booked_for(broker: str) -> frozenset[str]:
    """The kinds of actions that are booked here for accounts of that broker; none where the broker's word counts."""
    return BOOKED_HERE.get(broker, frozenset())
