"""How many examples a property is tried with: by day a part, drawn anew in every run; by night all."""

import os

ALL = "STARKMATTER_ALL_EXAMPLES"


def examples(count: int) -> int:
    """For `max_examples`: all of `count` when the night asks for them, else a quarter."""
    return count if os.environ.get(ALL) else count // 4
