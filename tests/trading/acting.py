"""Corporate actions told to a market that a test moves by hand, and what they made of an account."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.corporate.terms import Told
from starkmatter.domain.money import plain
from starkmatter.domain.quotes import VenueClock
from starkmatter.domain.sessions import EXCHANGE_ZONE
from starkmatter.market.actions.telling import tell_actions
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.snapshots import record_values
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.corporate.desk import ActionDesk, Looked
from starkmatter.trading.corporate.queries import DUE
from starkmatter.trading.corporate.records import Acting
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, CLOSES_AT, OPENS_AT, Desk, closed_clock, open_clock, order, quote
from tests.domain.corporate_text import terms

A_DAY = timedelta(days=1)
EX_ON = OPENS_AT.date() + A_DAY
D = Decimal


def told(text: str, on: date = EX_ON, *, id_: str = "a1", revision: int = 1) -> Told:
    symbol, words = text.split(" ", 1)
    return Told(id_, revision, symbol, on, "USD", terms(words), "test")


async def say(desk: Desk, *actions: Told) -> None:
    async with desk.b.db.transaction() as connection:
        await tell_actions(connection, "replay", actions, utc_now())


def on_day(days: int, state: str = "open") -> VenueClock:
    """The clock that many days after the first one, an hour into the session or before it."""
    clock = open_clock() if state == "open" else closed_clock()
    at = OPENS_AT + days * A_DAY + (timedelta(hours=1) if state == "open" else -timedelta(hours=3))
    return replace(clock, venue_now=at, session_on=at.date(), next_close=CLOSES_AT + days * A_DAY)


async def look(desk: Desk, days: int = 1, *quotes: str, worker: ActionDesk | None = None) -> Looked:
    """A batch comes that many days later: actions first, then the broker, as in the worker."""
    clock = on_day(days)
    fresh = [quote(one, at=clock.venue_now) for one in quotes]
    looked = await (worker or ActionDesk(desk.b, "replay")).on_quotes(clock, {one.symbol: one for one in fresh})
    assert looked is not None
    if looked.orders_changed:
        desk.broker.forget()
    await desk.tell(*fresh, clock=clock)
    return looked


async def send(desk: Desk, text: str):
    return await submit_order(
        desk.b, desk.caller, desk.account_id, order(text), f"key-{uuid4()}", acknowledged=ALL_READ
    )


async def filled(desk: Desk, text: str) -> None:
    assert (await send(desk, text)).status == "pending_submit"
    await desk.broker.drain()


async def held(desk: Desk) -> dict[str, str]:
    """Shares, cost and realized result by symbol."""
    found = await list_positions(desk.b, desk.caller, desk.account_id)
    return {one.symbol: f"{plain(one.qty)} {plain(one.cost_basis)} {plain(one.realized_pl)}" for one in found}


async def cash(desk: Desk) -> Decimal:
    return (await get_account(desk.b, desk.caller, desk.account_id)).cash


async def frozen(desk: Desk) -> str:
    why = await desk.b.db.value("SELECT frozen_reason FROM account WHERE id = %s", (desk.account_id,))
    return why or ""


async def kinds(desk: Desk) -> Sequence[str]:
    return [one.kind for one in reversed(await list_entries(desk.b, desk.caller, desk.account_id))]


async def record(database: Database, at: datetime, last: str, *, close: bool = True) -> None:
    prices = f'[{{"symbol": "AAPL", "last": "{last}"}}]'
    await record_values(database, "replay", at, prices, with_positions=close)


async def due_accounts(database: Database) -> list[Acting]:
    asked = {"venue": "replay", "brokers": ["paper"], "zone": EXCHANGE_ZONE.key, "today": EX_ON + A_DAY}
    return await database.all(Acting, DUE, asked)


async def balances(desk: Desk) -> list[tuple[str, str, Decimal]]:
    return await desk.b.db.tuples(
        "SELECT account, commodity, sum(amount) FROM ledger_posting WHERE account_id = %s GROUP BY 1, 2"
        " HAVING sum(amount) <> 0 ORDER BY 1, 2",
        (desk.account_id,),
    )
