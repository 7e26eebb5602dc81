"""Reads what a broker sends, field by field: a figure is a Decimal, an instant is in UTC, nothing is guessed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from starkmatter.egress.failures import VendorFailure


@dataclass(frozen=True, slots=True)
class Answers:
    """One broker's answers; what is not as it should be is a VendorFailure in its name."""

    vendor: str

    def garbage(self, what: str) -> VendorFailure:
        """The failure for something that cannot be read."""
        return VendorFailure(self.vendor, "garbage", f"{self.vendor} sent an answer without a readable {what}.")

    def parsed(self, body: str | bytes) -> Any:
        """JSON, its figures without a rounding."""
        try:
            return json.loads(body, parse_float=Decimal)
        except (ValueError, RecursionError):
            raise VendorFailure(
                self.vendor, "garbage", f"{self.vendor} sent something that is not an answer."
            ) from None

    def fields(self, value: Any, what: str = "content") -> Mapping[str, Any]:
        """An object."""
        if not isinstance(value, dict):
            raise self.garbage(what)
        return value

    def items(self, value: Any, what: str = "list") -> list[Mapping[str, Any]]:
        """A list of objects; absent is not empty."""
        if not isinstance(value, list):
            raise self.garbage(what)
        return [self.fields(one) for one in value]

    def text(self, fields: Mapping[str, Any], name: str) -> str:
        """A text, or a whole number as one."""
        value = fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not 1 <= len(value) <= 128:
            raise self.garbage(name)
        return value

    def number(self, fields: Mapping[str, Any], name: str, default: Decimal | None = None) -> Decimal:
        """A finite figure; `default` for one that is absent, if it may be."""
        value = fields.get(name)
        if value is None and default is not None:
            return default
        try:
            found = Decimal(str(value))
        except InvalidOperation:
            raise self.garbage(name) from None
        if isinstance(value, bool) or not found.is_finite():
            raise self.garbage(name)
        return found

    def instant(self, value: Any) -> datetime:
        """A text in ISO 8601, in UTC where it names no zone, or milliseconds since 1970."""
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                return datetime.fromtimestamp(value / 1000, UTC)
            except (OverflowError, ValueError, OSError):
                raise self.garbage("instant") from None
        try:
            at = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
        except (TypeError, ValueError):
            raise self.garbage("instant") from None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

    def words_of(self, body: bytes) -> str | None:
        """What the broker itself says of a failure, in a short line; None when this is not its own answer."""
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return None
        found = _sentences(said)
        return " ".join(found)[:200] if found else None


def _sentences(said: Any) -> list[str]:
    """The texts under the names that brokers give to an explanation, however deep."""
    if isinstance(said, list):
        return [words for one in said for words in _sentences(one)]
    if not isinstance(said, dict):
        return [said] if isinstance(said, str) else []
    names = [name for name in ("message", "detail", "title", "errors", "Error", "error") if name in said]
    # The first name that says something; a title only when there is no detail.
    return next((found for name in names if (found := _sentences(said[name]))), [])
