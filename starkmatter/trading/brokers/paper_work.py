"""What the paper broker knows of one order, and the news about it that goes to the database."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from starkmatter.domain.ledger import book_fill
from starkmatter.domain.matching import PRESETS, Execution
from starkmatter.domain.money import MICRO, ZERO, money_text, plain
from starkmatter.domain.orders import Condition, OrderStatus, OrderType, Relation, Side, TimeInForce, WorkingOrder
from starkmatter.domain.quotes import Venue, VenueClock
from starkmatter.domain.risk import margin_still_needed, still_needed
from starkmatter.domain.triggers import STOPS, Watch

RESTING = ["working", "partial", "accepted"]


class Work(NamedTuple):
    """One open paper order as the broker sees it; `outbox` is the row that brought it, if any.

    `stopped`: why a switch that was turned on meanwhile keeps a new order from the market.
    """

    outbox: int | None
    kind: str
    id: UUID
    account_id: UUID
    user_id: UUID
    currency: str
    preset: str
    symbol: str
    side: Side
    type: OrderType
    leaves_qty: Decimal
    qty: Decimal
    limit_price: Decimal | None
    time_in_force: TimeInForce
    session_on: date
    status: str
    reserve_per_share: Decimal
    submitted_venue_at: datetime
    sequence: int
    filled_qty: Decimal
    filled_value: Decimal
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    water: Decimal | None
    triggered_at: datetime | None
    notional: Decimal | None
    expires_on: date | None
    extended_hours: bool
    revision: int
    group_id: UUID | None
    role: str | None
    held: bool
    cond_symbol: str | None
    cond_relation: Relation | None
    cond_price: Decimal | None
    reserved: Decimal
    lends: bool
    opens: bool
    stopped: str | None = None

    @property
    def condition(self) -> Condition | None:
        """What has to happen before any broker gets it."""
        if self.cond_symbol is None or self.cond_relation is None or self.cond_price is None:
            return None
        return Condition(self.cond_symbol, self.cond_relation, self.cond_price)

    @property
    def turn(self) -> UUID:
        """Orders with the same take turns: what one of a group did decides what the others may."""
        return self.group_id or self.id

    @property
    def fresh(self) -> bool:
        """No broker has it yet."""
        return self.status == OrderStatus.PENDING_SUBMIT

    @property
    def watch(self) -> Watch:
        """What its stop remembers."""
        return Watch(self.triggered_at is not None, self.water, self.stop_price)

    def watching(self, watch: Watch, at: datetime) -> "Work":
        """With what its stop remembers now; itself when that is nothing new."""
        if self.type not in STOPS or watch == self.watch:
            return self
        since = self.triggered_at or (at if watch.triggered else None)
        return self._replace(water=watch.water, stop_price=watch.stop_price, triggered_at=since)

    def remembering(self, seen: "Work | None") -> "Work":
        """As it was read, with what was seen of its stop and could not be stored yet."""
        if seen is None or seen.revision != self.revision:
            return self
        return self._replace(
            water=seen.water,
            stop_price=seen.stop_price,
            triggered_at=self.triggered_at or seen.triggered_at,
        )

    def after(self, news: "News", booked: bool, status: str) -> "Work":
        """As it is once its news are through; `status` is what the database says."""
        if not booked:
            return self._replace(outbox=None, kind="rest", status=status)
        got = news.execution
        filled_qty = self.filled_qty + (got.qty if got else ZERO)
        whole_qty = Decimal(news.item["whole"]) if "whole" in news.item else self.qty
        return self._replace(
            outbox=None,
            kind="rest",
            status=status,
            qty=whole_qty,
            leaves_qty=whole_qty - filled_qty,
            filled_qty=filled_qty,
            filled_value=_as_stored(self.filled_value + (got.qty * got.price if got else ZERO)),
            reserved=self._reserved_after(news),
            sequence=self.sequence + len(news.item["steps"]),
        )

    def _reserved_after(self, news: "News") -> Decimal:
        """What is left set aside after a fill of an order that goes on, as the database reckons it."""
        if self.lends:
            return min(self.reserved, Decimal(news.item.get("keep", self.reserved)))
        if news.execution is None or self.side == "sell":
            return self.reserved
        left = self.reserved + Decimal(news.item["cash"])
        return min(left, Decimal(news.item["keep"])) if "keep" in news.item else left

    def as_order(self, venue: Venue) -> WorkingOrder:
        """As matching wants it."""
        return WorkingOrder(
            id=str(self.id),
            symbol=self.symbol,
            side=self.side,
            type=self.type,
            leaves_qty=self.leaves_qty,
            limit_price=self.limit_price,
            time_in_force=self.time_in_force,
            submitted_at=self.submitted_venue_at,
            venue=venue,
            stop_price=self.stop_price,
            trail_amount=self.trail_amount,
            trail_percent=self.trail_percent,
            expires_on=self.expires_on,
            extended_hours=self.extended_hours,
            filled_qty=self.filled_qty,
            filled_value=self.filled_value,
        )


class Found(NamedTuple):
    """What the market has for an order: perhaps a fill, what its stop remembers now, and how the rest ends, if it does.

    `whole_qty`: what the price makes of an order by amount. `ends_as` is the state and `why` the sentence.
    """

    execution: Execution | None
    watch: Watch
    whole_qty: Decimal | None = None
    ends_as: OrderStatus | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What is about to be booked for one order."""

    work: Work
    item: dict[str, Any]
    execution: Execution | None = None


def moved(work: Work, clock: VenueClock, steps: list[str], come_from: list[str], reason: str | None = None) -> News:
    """The order passes through `steps` without a fill, if it is in one of the states `come_from`."""
    item: dict[str, Any] = {
        "order": work.id,
        "steps": steps,
        "from": come_from,
        "venue_at": clock.venue_now,
        "reason": reason,
    }
    if work.outbox is not None:
        item["outbox"] = work.outbox
    return News(work, item)


def ended(work: Work, clock: VenueClock, end: OrderStatus, why: str) -> News:
    """The order ends without a fill. One that no broker has yet is taken into the book first, unless it is held."""
    if work.held:
        return moved(work, clock, [OrderStatus.NOT_SENT], ["pending_submit"], why)
    if not work.fresh:
        return moved(work, clock, [end], [*RESTING, "pending_cancel"], why)
    steps = ["submitting", end] if end is OrderStatus.CANCELED else ["submitting", "working", end]
    return moved(work, clock, steps, ["pending_submit"], why)


def filled(work: Work, clock: VenueClock, found: Found, execution: Execution) -> News:
    """The order fills, all of it or a part; what its stop did at the same moment is told with it."""
    booking = book_fill(
        work.side,
        work.symbol,
        execution.qty,
        execution.price,
        execution.fees,
        work.currency,
        before_value=work.filled_value,
    )
    # An order's state sequence only grows, so its number also names the execution: booked once, whoever asks.
    number = work.sequence + 1
    steps = ["submitting"] if work.fresh else []
    reason = triggered_words(work, found)
    if reason is not None:
        steps.append("working")
    news = moved(work, clock, [*steps, "filled"], [], reason)
    news.item.update(
        {
            "execution": number,
            "revision": work.revision,
            "fill": uuid5(work.id, f"fill-{number}"),
            "qty": plain(execution.qty),
            "price": plain(execution.price),
            "fees": plain(execution.fees),
            "preset": PRESETS[work.preset].stamp,
            "receipt": execution.receipt,
            "description": booking.description,
            "cash": plain(booking.cash),
            "accounts": [leg.account for leg in booking.legs],
            "commodities": [leg.commodity for leg in booking.legs],
            "amounts": [plain(leg.amount) for leg in booking.legs],
        }
    )
    if work.notional is None and (work.opens or (work.side == "buy" and not work.lends)):
        news.item["keep"] = plain(_kept(work, execution))
    if found.whole_qty is not None:
        news.item["whole"] = plain(found.whole_qty)
    if found.ends_as is not None:
        news.item.update({"end_as": found.ends_as, "end_why": found.why})
    return News(work, news.item, execution)


def _kept(work: Work, execution: Execution) -> Decimal:
    """What stays set aside for the rest of the order once this execution is booked."""
    preset, rest, price = PRESETS[work.preset], work.leaves_qty - execution.qty, work.reserve_per_share
    qty, value = work.filled_qty + execution.qty, _as_stored(work.filled_value + execution.qty * execution.price)
    if work.lends:
        return margin_still_needed(preset, work.side, rest, price, filled_qty=qty, filled_value=value)
    return still_needed(preset, rest, price, filled_qty=qty, filled_value=value)


def _as_stored(value: Decimal) -> Decimal:
    """A figure with the six decimals that the database keeps of it."""
    return value.quantize(MICRO, ROUND_HALF_UP)


def triggered_words(work: Work, found: Found) -> str | None:
    """What set a stop off, when that happened now."""
    if work.triggered_at is not None or not found.watch.triggered:
        return None
    return f"Its stop of {money_text(found.watch.stop_price or ZERO)} was reached."


def announcement(news: News, booked: bool, status: str | None) -> dict[str, Any]:
    """What the person's pages are told: enough for a short note, the rest they read themselves."""
    work, execution = news.work, news.execution if booked else None
    return {
        "order_id": work.id,
        "status": status or work.status,
        "symbol": work.symbol,
        "side": work.side,
        "filled_qty": plain(execution.qty) if execution else None,
        "price": money_text(execution.price) if execution else None,
    }
