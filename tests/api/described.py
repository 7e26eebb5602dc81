"""The API's own document, made once for all tests of a process: it takes a second of a processor."""

from functools import cache
from typing import Any

from starkmatter.api.app import build_api


@cache
def described() -> dict[str, Any]:
    """As OpenAPI has it."""
    return build_api().openapi()
