"""What goes over the wire: requests that admit nothing unknown, answers with money as strings and instants in UTC."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

from starkmatter.domain.alerts import AlertKind
from starkmatter.domain.money import money_text, plain
from starkmatter.domain.quotes import Venue

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

    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[T]):
    """A list; `next_cursor` goes into `cursor` to read on, null at the end."""

    items: list[T]
    next_cursor: str | None = None


class Register(Request):
    email: str = Field(max_length=254)
    password: Passphrase
    display_name: str = Field(max_length=MAX_TEXT)
    setup_token: str | None = Field(None, max_length=MAX_TEXT)
    invite_token: str | None = Field(None, max_length=MAX_TEXT)


class Login(Request):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254)
    password: Passphrase
    totp: str | None = Field(None, max_length=64)


class Proof(Request):
    """The passphrase again (and a code, where the second factor is on) before anything about sign-in changes."""

    model_config = ConfigDict(extra="forbid")

    password: Passphrase
    totp: str = Field("", max_length=64)


class NewPassphrase(Proof):
    """The present passphrase and the one that takes its place."""

    new_password: Passphrase


class Forgotten(Request):
    email: str = Field(max_length=254)


class Reset(Request):
    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=MAX_TEXT)
    password: Passphrase


class ResetLinkFor(Request):
    user_id: UUID


class Code(Request):
    code: str = Field(max_length=64)


class FactorOut(Answer):
    on: bool
    recovery_codes_left: int


class EnrollmentOut(Answer):
    """`qr_image` is the otpauth address as a drawing, made here: a data address of an SVG."""

    secret: str
    otpauth_uri: str
    qr_image: str


class RecoveryCodes(Answer):
    recovery_codes: list[str]


class PersonOut(Answer):
    id: UUID
    email: str
    display_name: str
    role: str
    created_at: Instant
    disabled_at: Instant | None
    has_second_factor: bool
    last_seen_at: Instant | None


class PersonChange(Request):
    role: str | None = Field(None, max_length=20)
    disabled: bool | None = None


class Invite(Request):
    role: str = Field(max_length=20)


class Link(Answer):
    """`text` is what to tell whoever asked."""

    link: str
    text: str


class Said(Answer):
    text: str


class ConnectionFieldOut(Answer):
    name: str
    label: str
    secret: bool
    required: bool
    default: str
    hint: str
    choices: list[str]


class ConnectionOut(Answer):
    """A vendor that can be connected; `hints` shows what is kept, secrets by their last characters only."""

    kind: str
    title: str
    scope: str
    adds: str
    where: str
    fields: list[ConnectionFieldOut]
    connected: bool
    hints: dict[str, str]
    updated_at: Instant | None
    tested_at: Instant | None
    tested_ok: bool | None
    tested_text: str


class ConnectionValues(Request):
    values: dict[str, Annotated[str, Field(max_length=2_000)]] = Field(max_length=20)


class TestOut(Answer):
    ok: bool
    text: str


class JobRunOut(Answer):
    id: int
    job: str
    scheduled_for: Instant
    asked_at: Instant
    claimed_at: Instant | None
    finished_at: Instant | None
    outcome: str | None
    words: str
    duration_ms: int | None
    asked: bool


class JobOut(Answer):
    name: str
    about: str
    when: str
    next_at: Instant | None
    latest: JobRunOut | None


class Me(Answer):
    user_id: UUID
    email: str
    display_name: str
    role: str


class SessionOut(Answer):
    id: UUID
    created_at: Instant
    last_seen_at: Instant
    expires_at: Instant
    ip: str
    user_agent: str
    current: bool = False


class NewAccount(Request):
    name: str = Field(max_length=MAX_TEXT)
    venue: Venue = "replay"
    broker: str = Field("paper", max_length=20)
    currency: str = Field("USD", min_length=3, max_length=3)
    cash: Figure = Decimal("100000")


class DifferenceOut(Answer):
    subject: str
    ours: str
    theirs: str
    words: str


class BrokerOut(Answer):
    account_id: UUID
    broker: str
    state: str
    words: str
    differences: list[DifferenceOut]
    external_orders: int
    checked_at: Instant | None
    accept_asked_at: Instant | None


class Deposit(Request):
    amount: Figure


class AccountOut(Answer):
    id: UUID
    name: str
    venue: Venue
    broker: str
    mode: str
    currency: str
    cash: Money
    reserved: Money
    buying_power: Money
    market_value: Money
    equity: Money
    day_pl: Money
    unrealized_pl: Money
    realized_pl: Money
    read_only: bool
    stale: bool
    created_at: Instant
    access: Literal["own", "trade", "view"]
    owner_name: str


class NewOrder(Request):
    account_id: UUID
    symbol: str = Field(min_length=1, max_length=20)
    side: Literal["buy", "sell"]
    type: Literal["market", "limit"]
    qty: Figure
    limit_price: Figure | None = None
    time_in_force: Literal["day", "gtc"] = "day"


class OrderOut(Answer):
    id: UUID
    client_order_id: str
    account_id: UUID
    symbol: str
    side: str
    type: str
    qty: Qty
    notional: Money | None = None
    filled_qty: Qty
    avg_price: Money | None
    limit_price: Money | None
    stop_price: Money | None = None
    time_in_force: str
    status: str
    reject_reason: str | None
    reserved: Money
    created_at: Instant
    updated_at: Instant


class OrderEventOut(Answer):
    sequence: int
    status: str
    reason: str | None
    venue_at: Instant
    booked_at: Instant


class PreviewOut(Answer):
    est_price: Money | None
    est_cost: Money | None
    est_fees: Money | None
    reserve: Money | None
    buying_power: Money
    buying_power_after: Money | None
    signed_qty: Qty
    signed_qty_after: Qty
    realized_pl: Money | None
    refusals: list[str]
    warnings: list[str]


class FillOut(Answer):
    id: UUID
    order_id: UUID
    account_id: UUID
    symbol: str
    side: str
    qty: Qty
    price: Money
    fees: Money
    realized_pl: Money
    executed_at: Instant
    preset: str


class PositionOut(Answer):
    account_id: UUID
    symbol: str
    qty: Qty
    avg_price: Money
    cost_basis: Money
    last: Money | None
    market_value: Money
    unrealized_pl: Money
    realized_pl: Money
    day_pl: Money


class PostingOut(Answer):
    account: str
    commodity: str
    amount: Money


class EntryOut(Answer):
    id: int
    booked_at: Instant
    venue_at: Instant
    kind: str
    description: str
    order_id: UUID | None
    postings: list[PostingOut]


class EquityPointOut(Answer):
    at: Instant
    equity: Money


class DrawdownOut(Answer):
    depth: Ratio
    peak_on: date
    trough_on: date
    recovered_on: date | None


class MonthOut(Answer):
    year: int
    month: int
    ratio: Ratio
    whole: bool


class BenchmarkOut(Answer):
    symbol: str
    name: str
    twr: Ratio | None
    drawdown: DrawdownOut | None


class PerformanceOut(Answer):
    """Returns are for the whole period; `*_annual` are null for less than a year. A null is explained in `missing`."""

    account_id: UUID
    currency: str
    start_at: Instant
    end_at: Instant
    since_opening: bool
    twr: Ratio | None
    mwr: Ratio | None
    simple: Ratio | None
    twr_annual: Ratio | None
    mwr_annual: Ratio | None
    pl: Money
    flows: Money
    deposits: Money
    withdrawals: Money
    fees: Money
    dividends: Money
    start_value: Money
    end_value: Money
    benchmark: BenchmarkOut | None
    drawdown: DrawdownOut | None
    months: list[MonthOut]
    missing: list[str]


class SliceOut(Answer):
    name: str
    value: Money
    weight: Ratio | None


class AllocationOut(Answer):
    account_id: UUID
    currency: str
    equity: Money
    cash: SliceOut
    symbols: list[SliceOut]
    sectors: list[SliceOut]
    missing: list[str]


class TickOut(Answer):
    """A price as it came: `at` is the source's clock, `received_at` ours, `volume` the day's so far."""

    symbol: str
    at: Instant
    received_at: Instant
    last: Money
    bid: Money | None
    ask: Money | None
    volume: Qty | None
    condition: str
    provider: str


class QuoteOut(Answer):
    symbol: str
    bid: Money | None
    ask: Money | None
    last: Money
    bid_size: Qty | None
    ask_size: Qty | None
    volume: Qty | None
    observed_at: Instant
    received_at: Instant
    provider: str
    prev_close: Money | None
    condition: str
    age_ms: int


class InstrumentOut(Answer):
    symbol: str
    name: str
    kind: str
    exchange: str
    currency: str
    tick_size: Qty
    lot_size: Qty
    sector: str
    data_quality: str
    data_note: str
    tradable: bool
    isin: str | None
    figi: str | None


class ClockOut(Answer):
    venue: Venue
    venue_now: Instant
    state: str
    session_on: date | None
    next_open: Instant | None
    next_close: Instant | None
    speed: int
    paused: bool
    run_id: int | None
    start_on: date | None
    seed: int | None
    ends_on: date | None


class Steer(Request):
    speed: int | None = None
    start_on: date | None = None
    seed: int | None = None
    paused: bool | None = None
    skip_closed: bool | None = None


class ReplayOut(Answer):
    clock: ClockOut | None
    pending_commands: int
    history_starts_on: date | None
    history_ends_on: date | None


class NewAlert(Request):
    venue: Venue = "replay"
    symbol: str = Field(min_length=1, max_length=20)
    kind: AlertKind
    threshold: Figure
    note: str = Field("", max_length=MAX_TEXT)
    by_mail: bool = False
    repeats: bool = False


class AlertChange(Request):
    threshold: Figure | None = None
    note: str | None = Field(None, max_length=MAX_TEXT)
    by_mail: bool | None = None
    repeats: bool | None = None
    active: bool | None = None


class AlertOut(Answer):
    id: UUID
    venue: str
    symbol: str
    kind: str
    threshold: Money
    words: str
    note: str
    by_mail: bool
    repeats: bool
    active: bool
    armed: bool
    created_at: Instant
    fired_at: Instant | None


class AlertEventOut(Answer):
    id: int
    alert_id: UUID
    venue: str
    symbol: str
    words: str
    note: str
    price: Money
    venue_at: Instant
    fired_at: Instant
    seen_at: Instant | None
    mail: str | None
    mail_words: str | None
