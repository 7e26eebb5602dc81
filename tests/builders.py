"""Domain objects from one line of text, and a small market to put them in."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args
from uuid import UUID, uuid4

from redis.asyncio import Redis

from starkmatter.accounts.records import Caller, Role
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.cautions import CODES
from starkmatter.domain.orders import Condition, OrderRequest, StopLoss, TakeProfit, TimeInForce
from starkmatter.domain.quotes import Quote, VenueClock
from starkmatter.market.board import QuoteBoard
from starkmatter.portfolio.opening import create_account
from starkmatter.settings import load_settings
from starkmatter.trading.brokers.paper import PaperBroker

# For tests that are about something else than what has to be read before an order.
ALL_READ = frozenset(CODES)
OPENS_AT = datetime(2021, 3, 1, 14, 30, tzinfo=UTC)
CLOSES_AT = datetime(2021, 3, 1, 21, 0, tzinfo=UTC)
RUN_ID = 1

INSTRUMENT = """
INSERT INTO instrument (venue, symbol, name, kind, exchange, currency, tick_size, lot_size, sector, data_quality,
                        data_note, source, tradable)
SELECT venue, %s, %s, %s, 'XNYS', 'USD', 0.01, 1, 'Technology', 'ohlcv', '', 'test', %s
  FROM unnest(ARRAY['replay', 'market']) AS venue
    ON CONFLICT DO NOTHING
"""
SESSION = "INSERT INTO market_session (exchange, session_on, opens_at, closes_at) VALUES ('XNYS', %s, %s, %s)"
USER = """
INSERT INTO app_user (id, email, display_name, role, passphrase_hash, created_at)
VALUES (%s, %s, %s, %s, 'none', now())
"""


def quote(text: str, *, size: str = "500", volume: str | None = None, at: datetime = OPENS_AT) -> Quote:
    """`"AAPL 100.00/100.05"`: bid and ask; the last trade at the bid."""
    symbol, prices = text.split()
    bid, ask = (Decimal(part) for part in prices.split("/"))
    return Quote(
        symbol=symbol,
        bid=bid,
        ask=ask,
        last=bid,
        bid_size=Decimal(size),
        ask_size=Decimal(size),
        volume=None if volume is None else Decimal(volume),
        observed_at=at,
        received_at=utc_now(),
        provider="test",
        prev_close=Decimal("99.00"),
    )


def order(text: str) -> OrderRequest:
    """`"buy 10 AAPL"`, `"sell 5 AAPL @ 101.50 gtc"`: market without a price, for the day unless a time is said.

    `stp=`, `trl=` and `pct=` make it a stop or trailing stop, `usd=` an order by amount, `until=` one that is good till
    that date, `ext` one for extended hours, `short` a sale that may open a short position. `tp=` and `sl=` (with `sll=`
    for its limit) are the ways out of a bracket or OTO, with `oco` the stop beside it; `above=MSFT:200` and `below=`
    are what it waits for.
    """
    side, qty, symbol, *words = text.split()
    said = dict(word.split("=") for word in words if "=" in word)
    figure = {name: Decimal(said[name]) for name in ("stp", "trl", "pct", "usd") if name in said}
    limit = Decimal(words[words.index("@") + 1]) if "@" in words else None
    kind = "market" if limit is None else "limit"
    if "stp" in said:
        kind = "stop" if limit is None else "stop_limit"
    elif "trl" in said or "pct" in said:
        kind = "trailing_stop"
    times = [word for word in words if word in get_args(TimeInForce)]
    waits = next((word for word in ("above", "below") if word in said), None)
    ways_out = [name for name in ("tp", "sl") if name in said]
    group = "oco" if "oco" in words else ("simple", "oto", "bracket")[len(ways_out)]
    return OrderRequest(
        order_class=group,  # type: ignore[arg-type]
        take_profit=TakeProfit(Decimal(said["tp"])) if "tp" in said else None,
        stop_loss=StopLoss(Decimal(said["sl"]), Decimal(said["sll"]) if "sll" in said else None)
        if "sl" in said
        else None,
        condition=None if waits is None else _condition(waits, said[waits]),
        symbol=symbol,
        side="buy" if side == "buy" else "sell",
        type=kind,  # type: ignore[arg-type]
        qty=Decimal(qty),
        time_in_force="gtd" if "until" in said else times[-1] if times else "day",  # type: ignore[arg-type]
        limit_price=limit,
        stop_price=figure.get("stp"),
        trail_amount=figure.get("trl"),
        trail_percent=figure.get("pct"),
        notional=figure.get("usd"),
        expires_on=date.fromisoformat(said["until"]) if "until" in said else None,
        extended_hours="ext" in words,
        allow_short="short" in words,
    )


def _condition(waits: str, text: str) -> Condition:
    symbol, _, price = text.partition(":")
    return Condition(symbol, "at_or_above" if waits == "above" else "at_or_below", Decimal(price))


def open_clock(minutes: int = 10, **changes: object) -> VenueClock:
    """The replay's clock, so many minutes after the open of 2021-03-01."""
    clock = VenueClock(
        venue="replay",
        venue_now=OPENS_AT + timedelta(minutes=minutes),
        state="open",
        session_on=date(2021, 3, 1),
        next_open=OPENS_AT + timedelta(days=1),
        next_close=CLOSES_AT,
        run_id=RUN_ID,
    )
    return replace(clock, **changes)  # type: ignore[arg-type]


def closed_clock() -> VenueClock:
    """The same day, half an hour after the close."""
    return open_clock(
        minutes=420, state="closed", next_open=OPENS_AT + timedelta(days=1), next_close=CLOSES_AT + timedelta(days=1)
    )


@dataclass
class Desk:
    """A person with an account on a market that the test moves by hand."""

    b: Backends
    broker: PaperBroker
    caller: Caller
    account_id: UUID
    clock: VenueClock

    async def tell(self, *quotes: Quote, clock: VenueClock | None = None) -> None:
        """Publish quotes and let the paper broker see them."""
        self.clock = clock or self.clock
        fresh = {one.symbol: replace(one, received_at=utc_now()) for one in quotes}
        await QuoteBoard(self.b.cache).publish("replay", fresh, clock=self.clock, now=utc_now())
        await self.broker.on_quotes(self.clock, fresh)

    async def person(
        self, role: Role = "trader", cash: str = "100000", preset: str = "realistic", kind: str = "cash"
    ) -> "Desk":
        """Another person at the same market."""
        caller = await make_caller(self.b.db, role)
        account_id = await make_account(self.b.db, caller, cash, preset, kind)
        return Desk(self.b, self.broker, caller, account_id, self.clock)


async def make_caller(db: Database, role: Role = "owner") -> Caller:
    """A person without a passphrase."""
    user_id = uuid4()
    email = f"{user_id.hex[:8]}@example.org"
    await db.run(USER, (user_id, email, "Test", role))
    return Caller(user_id, uuid4(), role, email, "Test")


async def make_account(
    db: Database, caller: Caller, cash: str = "100000", preset: str = "realistic", kind: str = "cash"
) -> UUID:
    """A paper account on the replay market with `cash` paid in before the open."""
    async with db.transaction() as connection:
        return await create_account(
            connection,
            caller.user_id,
            name="Practice",
            cash=Decimal(cash),
            run_id=RUN_ID,
            venue_at=OPENS_AT - timedelta(hours=1),
            now=utc_now(),
            preset=preset,
            kind=kind,
        )


async def make_market(db: Database) -> None:
    """Three instruments on either venue, and two sessions."""
    for symbol, name, kind, tradable in (
        ("AAPL", "Apple", "equity", True),
        ("MSFT", "Microsoft", "equity", True),
        ("^GSPC", "S&P 500", "index", False),
    ):
        await db.run(INSTRUMENT, (symbol, name, kind, tradable))
    for days in (0, 1):
        shift = timedelta(days=days)
        await db.run(SESSION, ((OPENS_AT + shift).date(), OPENS_AT + shift, CLOSES_AT + shift))


async def make_desk(db: Database, cache: Redis, *, cash: str = "100000", role: Role = "owner") -> Desk:
    """Market, person, account and broker, with AAPL quoted at 100.00/100.05."""
    await make_market(db)
    caller = await make_caller(db, role)
    account_id = await make_account(db, caller, cash)
    broker = PaperBroker(db, cache, "replay")
    await broker.start()
    desk = Desk(Backends(load_settings(), db, cache), broker, caller, account_id, open_clock())
    await desk.tell(quote("AAPL 100.00/100.05"), quote("MSFT 200.00/200.10"))
    return desk
