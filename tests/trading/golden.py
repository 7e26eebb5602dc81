"""Plays a written script of orders on the replay market and tells what came of it in words that never change.

A line of the script is `HH:MM verb …` by the exchange's clock. `send NAME` is followed by an order in the words of
`tests.builders.order`, and by `target`, `stop` and `if` for groups and conditions; `change NAME limit|stop|qty`,
`cancel NAME` and `pay AMOUNT` do what they say. A figure with a percent sign lies that far from the newest trade of the
symbol.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.corporate.terms import Told
from starkmatter.domain.orders import Condition, OrderRequest, StopLoss, TakeProfit
from starkmatter.domain.quotes import Quote, VenueClock
from starkmatter.domain.sessions import EXCHANGE_ZONE, Session, SessionCalendar
from starkmatter.errors import StarkMatterError
from starkmatter.market.actions.telling import tell_actions
from starkmatter.market.board import QuoteBoard
from starkmatter.market.providers.replay import ReplayDay, ReplayHistory, build_day, load_history
from starkmatter.market.replay_runs import prepare_market
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.valuation import list_positions
from starkmatter.settings import load_settings
from starkmatter.trading.brokers.paper import PaperBroker
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.corporate.desk import ActionDesk
from starkmatter.trading.orders import list_fills, list_orders
from starkmatter.trading.records import OrderView
from starkmatter.trading.replace import Terms, replace_order
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, RUN_ID, Desk, make_account, make_caller, order
from tests.domain.corporate_text import terms

SCRIPT = Path(__file__).with_name("golden_script.txt")
STARTS_ON = date(2021, 3, 1)
SYMBOLS = ("AAPL", "JPM", "KO", "PG")
SEED = 7
CASH = "200000"
EVERY_SECS = 120
TICK = Decimal("0.01")
PRICED = re.compile(r"([+-][0-9.]+)%")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to do, so many seconds after midnight on the exchange's clock."""

    at_secs: int
    verb: str
    words: tuple[str, ...]


def read_script(text: str) -> list[list[Line]]:
    """The days in order; a line that begins with # says something to whoever reads it."""
    days = []
    for part in text.split("\n\n"):
        lines = [line.split() for line in part.splitlines() if line and not line.startswith("#")]
        if lines:
            days.append([Line(_secs(at), verb, tuple(words)) for at, verb, *words in lines])
    return days


def _secs(at: str) -> int:
    hours, minutes = at.split(":")
    return (int(hours) * 60 + int(minutes)) * 60


class Run:
    """One account on a market that plays the days of the script."""

    def __init__(self, desk: Desk, calendar: SessionCalendar, history: ReplayHistory) -> None:
        self._desk, self._calendar, self._history = desk, calendar, history
        self._quotes: dict[str, Quote] = {}
        self._names: dict[UUID, str] = {}
        self._said: list[str] = []
        self._told_entry = 0
        self._told_fills: set[UUID] = set()
        self._told_orders: dict[UUID, str] = {}
        self._actions: ActionDesk | None = None

    @classmethod
    async def begin(cls, db: Database, cache: Redis) -> "Run":
        """A market of four symbols on an empty database, before its first open."""
        whole = load_history()
        history = ReplayHistory({name: whole.symbols[name] for name in SYMBOLS})
        calendar = await prepare_market(db, history, utc_now())
        caller = await make_caller(db)
        account_id = await make_account(db, caller, CASH)
        broker = PaperBroker(db, cache, "replay")
        await broker.start()
        clock = VenueClock("replay", datetime.now(EXCHANGE_ZONE), "closed", None, None, None, run_id=RUN_ID)
        return cls(Desk(Backends(load_settings(), db, cache), broker, caller, account_id, clock), calendar, history)

    def acting(self) -> "Run":
        """The same with corporate actions: those of the replay's own history, and those that the script tells."""
        self._actions = ActionDesk(self._desk.b, "replay")
        return self

    async def play(self, days: Sequence[Sequence[Line]], starts_on: date = STARTS_ON) -> list[list[str]]:
        """What is said of each day, in order."""
        first = self._calendar.index_at(datetime.combine(starts_on, datetime.min.time(), EXCHANGE_ZONE)) + 1
        sessions = self._calendar.sessions[first : first + len(days)]
        return [await self._day(session, lines) for session, lines in zip(sessions, days, strict=True)]

    async def _day(self, session: Session, lines: Sequence[Line]) -> list[str]:
        self._said = [session.session_on.isoformat()]
        day = build_day(self._history, SEED, session)
        midnight = datetime.combine(session.session_on, datetime.min.time(), EXCHANGE_ZONE)
        todo: dict[int, list[Line]] = {}
        for line in lines:
            at = midnight + timedelta(seconds=line.at_secs)
            todo.setdefault(max(0, min(day.step_at(at), day.last_step)), []).append(line)
        steps = sorted({*range(0, day.last_step, EVERY_SECS), day.last_step, *todo})
        for step in steps:
            await self._show(day, step)
            for line in todo.get(step, []):
                await self._do(line)
                await self._desk.broker.drain()
        await self._desk.broker.on_quotes(self._clock_at(session.closes_at), {})
        await self._desk.broker.drain()
        await self._tell()
        return self._said

    def _clock_at(self, at: datetime) -> VenueClock:
        found = self._calendar.at(at)
        return VenueClock(
            venue="replay",
            venue_now=at,
            state=found.state,
            session_on=found.session.session_on if found.session else None,
            next_open=found.next_open,
            next_close=found.next_close,
            run_id=RUN_ID,
        )

    async def _show(self, day: ReplayDay, step: int) -> None:
        now = utc_now()
        self._quotes = day.snapshot(step, now)
        clock = self._clock_at(day.session.opens_at + timedelta(seconds=step))
        await QuoteBoard(self._desk.b.cache).publish("replay", self._quotes, clock=clock, now=now)
        if self._actions is not None:
            self._actions._looked_at = float("-inf")  # whatever the wall's clock says, each batch looks
            looked = await self._actions.on_quotes(clock, self._quotes)
            assert looked is not None
            self._said += [f"  heard {one.words}" for one in looked.heard]
            if looked.orders_changed:
                self._desk.broker.forget()
        await self._desk.broker.on_quotes(clock, self._quotes)
        await self._desk.broker.drain()

    # --- the script's verbs -------------------------------------------------------------------------------------------

    async def _do(self, line: Line) -> None:
        try:
            await getattr(self, f"_{line.verb}")(*line.words)
        except StarkMatterError as error:
            self._said.append(f"  {line.verb} {' '.join(line.words)}: {error.text}")

    async def _send(self, name: str, *words: str) -> None:
        request = self._request(words)
        desk = self._desk
        placed = await submit_order(
            desk.b, desk.caller, desk.account_id, request, f"golden-{name}", acknowledged=ALL_READ
        )
        self._names[placed.id] = name

    async def _cancel(self, name: str) -> None:
        await cancel_order(self._desk.b, self._desk.caller, self._id(name))

    async def _change(self, name: str, what: str, by: str) -> None:
        desk, order_id = self._desk, self._id(name)
        [now] = [one for one in await list_orders(desk.b, desk.caller, limit=500) if one.id == order_id]
        was = {"limit": now.limit_price, "stop": now.stop_price, "qty": now.qty}[what]
        if was is None:
            self._said.append(f"  {name} has no {what}")
            return
        value = _moved(was, by, Decimal(1) if what == "qty" else TICK) + (1 if what == "qty" else 0)
        terms = {"limit": "limit_price", "stop": "stop_price", "qty": "qty"}
        await replace_order(desk.b, desk.caller, order_id, Terms(**{terms[what]: value}))

    async def _pay(self, amount: str) -> None:
        await deposit(self._desk.b, self._desk.caller, self._desk.account_id, Decimal(amount))

    async def _told(self, symbol: str, on: str, *words: str) -> None:
        """An action of the day after so many, in the words of `tests.domain.corporate_text.terms`."""
        ex_on = self._calendar.sessions[self._calendar.index_at(self._quotes[symbol].observed_at) + int(on)].session_on
        action_id = f"{words[0]}/{symbol}" if words[0] != "withdrawn" else words[1]
        revision = 1 + await self._desk.b.db.value(
            "SELECT coalesce(max(revision), 0) FROM action_told WHERE action_id = %s", (action_id,)
        )
        said = terms("withdrawn" if words[0] == "withdrawn" else " ".join(words))
        async with self._desk.b.db.transaction() as connection:
            one = Told(action_id, revision, symbol, ex_on, "USD", said, "golden")
            await tell_actions(connection, "replay", [one], utc_now())

    def _id(self, name: str) -> UUID:
        return next(order_id for order_id, known in self._names.items() if known == name)

    def _request(self, words: Sequence[str]) -> OrderRequest:
        side, qty, symbol, *more = words
        last = self._quotes[symbol].last
        assert last is not None
        plain: list[str] = [side, qty, symbol]
        changes: dict[str, Any] = {}
        for word in more:
            price = PRICED.search(word)
            worth = None if price is None else _moved(last, price.group(), TICK)
            if word.startswith("@"):
                plain += ["@", str(worth)]
            elif word.startswith("stp"):
                plain.append(f"stp={worth}")
            elif word.startswith("until"):
                until = self._calendar.sessions[
                    self._calendar.index_at(self._quotes[symbol].observed_at) + int(word[5:])
                ]
                plain.append(f"until={until.session_on}")
            elif word.startswith("target") and worth is not None:
                changes["take_profit"] = TakeProfit(worth)
            elif word.startswith("stop") and worth is not None:
                changes["stop_loss"] = StopLoss(worth)
            elif word.startswith("if="):
                changes["condition"] = self._condition(word)
            else:
                plain.append(word)
        if "stop_loss" in changes:
            both = "take_profit" in changes
            changes["order_class"] = "bracket" if both else "oto" if side == "buy" else "oco"
        return replace(order(" ".join(plain)), **changes)

    def _condition(self, word: str) -> Condition:
        found = re.fullmatch(r"if=([A-Z]+)(>=|<=)([+-].*%)", word)
        assert found is not None, word
        symbol, relation, by = found.groups()
        last = self._quotes[symbol].last
        assert last is not None
        return Condition(symbol, "at_or_above" if relation == ">=" else "at_or_below", _moved(last, by, TICK))

    # --- what came of it ----------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        """The day's orders, fills and ledger entries that were not told yet, then the book as it stands."""
        desk = self._desk
        assert await check_books(desk.b.db) == []
        orders = await list_orders(desk.b, desk.caller, limit=500)
        for one in orders:
            if one.id not in self._names and one.group_id is not None:
                self._names[one.id] = f"{self._names[one.group_id]}.{one.role}"
        for one in sorted(orders, key=lambda one: self._names[one.id]):
            words = _order_words(one)
            if self._told_orders.get(one.id) != words:
                self._told_orders[one.id] = words
                self._said.append(f"  {self._names[one.id]} {words}")
        fills = await list_fills(desk.b, desk.caller, account_id=desk.account_id, limit=500)
        fresh = [one for one in fills if one.id not in self._told_fills]
        self._told_fills |= {one.id for one in fresh}
        self._said += sorted(
            f"  fill {one.executed_at:%H:%M:%S} {self._names[one.order_id]} {one.side} {_n(one.qty)} {one.symbol} "
            f"@ {_n(one.price)} fees {_n(one.fees)} realized {_n(one.realized_pl)} {one.preset} {one.receipt['rule']}"
            for one in fresh
        )
        async for words in self._entries():
            self._said.append(words)
        account = await get_account(desk.b, desk.caller, desk.account_id)
        held = await list_positions(desk.b, desk.caller, desk.account_id)
        self._said.append(f"  cash {_n(account.cash)} reserved {_n(account.reserved)}")
        self._said += [
            f"  {one.symbol} {_n(one.qty)} cost {_n(one.cost_basis)} realized {_n(one.realized_pl)}"
            for one in sorted(held, key=lambda one: one.symbol)
        ]

    async def _entries(self) -> AsyncIterator[str]:
        desk = self._desk
        found = await list_entries(desk.b, desk.caller, desk.account_id, limit=500)
        fresh = [one for one in found if one.id > self._told_entry]
        assert len(fresh) < 500
        self._told_entry = max([self._told_entry, *(one.id for one in fresh)])
        told = []
        for one in fresh:
            name = "" if one.order_id is None else f" {self._names[one.order_id]}"
            legs = sorted(f"{leg.account} {_n(leg.amount)} {leg.commodity}" for leg in one.postings)
            told.append(f"  entry {one.venue_at:%H:%M:%S} {one.kind}{name}: {', '.join(legs)}")
        for words in sorted(told):
            yield words


def _moved(price: Decimal, by: str, step: Decimal) -> Decimal:
    """`price` changed by a percentage, to the nearest whole step."""
    return (price * (1 + Decimal(by.rstrip("%")) / 100)).quantize(step, ROUND_HALF_EVEN)


def _n(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _order_words(one: OrderView) -> str:
    prices = [
        f"{word} {_n(value)}"
        for word, value in (("limit", one.limit_price), ("stop", one.stop_price), ("best", one.water))
        if value is not None
    ]
    average = "" if one.avg_price is None else f" @ {_n(one.avg_price)}"
    why = "" if one.reject_reason is None else f" ({one.reject_reason})"
    return " ".join(
        [
            f"{one.side} {_n(one.qty)} {one.symbol} {one.type} {one.time_in_force}",
            *prices,
            f"-> {'held' if one.held else one.status} {_n(one.filled_qty)}{average}{why}",
        ]
    )


def hashed(days: Sequence[Sequence[str]]) -> str:
    """SHA-256 of all that was said."""
    return hashlib.sha256("\n".join(line for day in days for line in day).encode()).hexdigest()


def told(days: Sequence[Sequence[str]]) -> str:
    """The file that is kept: the hash, then every day."""
    lines: Iterator[str] = (line for day in days for line in day)
    return f"sha256 {hashed(days)}\n" + "\n".join(lines) + "\n"
