"""Keeps a library from loading another that it takes only when it is there, and that nobody here uses through it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Inside, importing one of `names` fails as if it were not installed; afterwards it can be had again.

    What was loaded before stays.
    """
    kept_out = [name for name in names if name not in sys.modules]
    for name in kept_out:
        # How Python says that there is none.
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in kept_out:
            sys.modules.pop(name, None)
