"""What goes over the wire about imports of other programs' files."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, Field, computed_field

from starkmatter.api.schemas import MAX_TEXT, Answer, Figure, Instant, Qty, Request
from starkmatter.portfolio.importing.records import Outcome, State

Kind = Literal[
    "buy", "sell", "dividend", "interest", "deposit", "withdrawal", "fee", "tax", "transfer_in", "transfer_out"
]


def _filled_in(value: Any) -> Any:
    """A field of a form that was left empty is one that was not sent."""
    return None if value == "" else value


Optional = Annotated[Figure | None, BeforeValidator(_filled_in)]


class NewEntry(Request):
    """Figures without a sign: `kind` says which way they go."""

    kind: Kind
    on: date | None = Field(None, description="The day; noon of it in New York. Or `at`.")
    at: AwareDatetime | None = None
    symbol: str = Field("", max_length=24)
    qty: Optional = None
    price: Optional = None
    amount: Optional = Field(None, description="Cash that came or went; a trade may leave it out")
    fees: Optional = None
    tax: Optional = None
    text: str = Field("", max_length=MAX_TEXT)


class MappingIn(Request):
    """How a table is read: which heading holds what, and how its days, decimals and signs are written."""

    columns: dict[str, str] = Field(max_length=20)
    date_order: Literal["ymd", "dmy", "mdy"] = "ymd"
    decimal_mark: Literal[".", ","] = "."
    zone: str = Field("UTC", max_length=60)
    currency: str = Field("USD", max_length=3)
    signed: bool = True
    kinds: dict[str, str] = Field(default={}, max_length=200)


class ReadAgain(Request):
    """As a table by `mapping`, or as `format`; without either, as what the file shows to be."""

    format: str | None = Field(None, max_length=40)
    mapping: MappingIn | None = None
    symbols: dict[str, str] = Field(default={}, max_length=500, description="What its securities are called here")


class NewMapping(Request):
    name: str = Field(max_length=MAX_TEXT)
    mapping: MappingIn


class SavedMappingOut(Answer):
    id: UUID
    name: str
    mapping: dict[str, Any]
    updated_at: Instant


class FormatOut(Answer):
    name: str
    title: str


class KindTotalOut(Answer):
    kind: str
    currency: str
    count: int
    cash: str


class StatedTotalOut(Answer):
    """A sum that the file states; `come` is what its lines come to, null where nothing can be held against it."""

    name: str
    currency: str
    stated: str
    come: str | None
    agrees: bool | None


class ImportOut(Answer):
    """`summary` is null until the file was read; `columns` is there for tables. `words` say what went wrong."""

    id: UUID
    account_id: UUID
    account_name: str
    currency: str
    origin: Literal["file", "manual"]
    file_name: str
    file_bytes: int
    state: State
    words: str
    format: str | None
    mapping: dict[str, Any] | None
    symbols: dict[str, str]
    columns: dict[str, Any] | None
    summary: dict[str, Any] | None
    done_count: int
    whole_count: int | None
    created_at: Instant
    booked_at: Instant | None
    undone_at: Instant | None
    is_canceling: bool

    @computed_field  # type: ignore[prop-decorator]
    @property
    def kinds(self) -> list[KindTotalOut]:
        """Its records by kind and currency."""
        names = ("kind", "currency", "count", "cash")
        rows = (self.summary or {}).get("kinds", [])
        return [KindTotalOut(**dict(zip(names, row, strict=True))) for row in rows]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def stated(self) -> list[StatedTotalOut]:
        """The sums that the file states."""
        names = ("name", "currency", "stated", "come", "agrees")
        rows = (self.summary or {}).get("stated", [])
        return [StatedTotalOut(**dict(zip(names, row, strict=True))) for row in rows]


class ImportLineOut(Answer):
    outcome: Outcome
    place: int
    line_no: int
    words: str
    kind: str | None
    at: Instant | None
    symbol: str | None
    qty: Qty | None
    price: str | None
    cash: str | None
    currency: str | None
    said: str | None
    is_repeat: bool
