"""Imports vendors' SDKs when they are first needed, in whatever thread that is: one import at a time.

Packages that import each other in circles (alpaca-py does) fail with a deadlock error when two threads begin to
import them at once.
"""

from importlib import import_module
from threading import Lock

_importing = Lock()


def load(*names: str) -> None:
    """Have these modules imported in full before anything is taken from them. ImportError when one is missing."""
    with _importing:
        for name in names:
            import_module(name)
