"""What goes over the wire: requests that admit nothing unknown, answers with money as strings and instants in UTC."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

from starkmatter.domain.money import money_text, plain

T = TypeVar("T")
MAX_TEXT = 200
RATIO_DECIMALS = Decimal("1e-10")


def instant_text(value: datetime) -> str:
    """ISO 8601 in UTC with a Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _no_float(value: Any) -> Any:
    """A JSON number loses digits before anybody looks; a string keeps them. Integers are exact."""
    if isinstance(value, float | bool):
        raise ValueError('give the figure as a string, such as "10.50"')
    return value


_DECIMAL_SCHEMA = {"type": "string", "examples": ["10.50"]}
Money = Annotated[Decimal, PlainSerializer(money_text, return_type=str), Field(json_schema_extra=_DECIMAL_SCHEMA)]
Qty = Annotated[Decimal, PlainSerializer(plain, return_type=str), Field(json_schema_extra=_DECIMAL_SCHEMA)]
Ratio = Annotated[
    Decimal,
    PlainSerializer(lambda value: plain(value.quantize(RATIO_DECIMALS)), return_type=str),
    Field(json_schema_extra={"type": "string", "examples": ["0.0123"]}, description="0.0123 is 1.23 %"),
]
Instant = Annotated[datetime, PlainSerializer(instant_text, return_type=str)]
Figure = Annotated[
    Decimal,
    BeforeValidator(_no_float),
    Field(max_digits=24, decimal_places=9, allow_inf_nan=False, json_schema_extra=_DECIMAL_SCHEMA),
]


# As it was typed: blanks at its ends belong to it.
Passphrase = Annotated[str, StringConstraints(strip_whitespace=False, max_length=1_024)]


class Request(BaseModel):
    """A body: strict about what it is given."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Answer(BaseModel):
    """A record on its way out, read from the service's dataclass."""

    model_config = ConfigDict(from_attributes=True, defer_build=True)


class Page(BaseModel, Generic[T]):
    """A list; `next_cursor` goes into `cursor` to read on, null at the end."""

    model_config = ConfigDict(defer_build=True)

    items: list[T]
    next_cursor: str | None = None
