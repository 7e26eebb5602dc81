"""Backends with a home of their own, as the accounts' tests have them."""

from tests.accounts.conftest import b

__all__ = ["b"]
