"""Turning live trading of one account on and off, and the limit under which no second factor is asked.

On takes its owner, a second factor that was just given, and the account's name typed; off takes nothing and counts at
once, for orders too that are stored and not sent yet. A lower limit counts at once, a higher one after 24 hours.
"""

from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.accounts.step_up import FactorNeeded, factor_ways
from starkmatter.backends import Backends
from starkmatter.db.database import Connection
from starkmatter.domain.money import CENT, ZERO
from starkmatter.errors import InvalidInput, NotAllowed, NotFound
from starkmatter.trading.live import queries
from starkmatter.trading.live.permits import FACTOR_FIRST
from starkmatter.trading.live.standing import LiveStanding, live_standing

HIGHEST_LIMIT = Decimal(1_000_000)
NOT_ON = "Live trading is off for this account."
ASKED = "LIVE: orders of this account would move real money. Confirm it with your second factor."


async def read_live(b: Backends, caller: Caller, account_id: UUID) -> LiveStanding | None:
    """How live trading stands; None when it is off, as on paper. NotFound for an account the caller does not see."""
    if await b.db.value(queries.SEEN, {"account": account_id, "user": caller.user_id}) is None:
        raise NotFound("There is no such account.")
    return await live_standing(b.db, account_id)


async def turn_on_live(b: Backends, caller: Caller, account_id: UUID, *, confirm: str) -> LiveStanding:
    """Let the account's owner send orders of real money from here; each asks for a second factor, the limit being zero.

    `confirm` has to be the account's name. FactorNeeded until a second factor was just given, NotAllowed for programs
    and for a person who has none, NotFound for an account that is not theirs or not of real money.
    """
    if caller.scopes is not None or not caller.may_trade:
        raise NotAllowed("Only the account's owner, signed in and trading, turns live trading on.", code="not_live")
    name = await _name_of(b, caller, account_id)
    if " ".join(confirm.split()) != " ".join(name.split()):
        raise InvalidInput(f"Type the account's name, {name}, to turn live trading on.")
    ways = await factor_ways(b, caller)
    if not ways:
        raise NotAllowed(FACTOR_FIRST, code="no_second_factor")
    before = await live_standing(b.db, account_id)
    async with b.db.transaction() as connection:
        asked = {"account": account_id, "user": caller.user_id, "session": caller.session_id}
        row = await (await connection.execute(queries.TURN_ON, asked)).fetchone()
        if row is None or not row[0]:
            raise FactorNeeded(ASKED, details={"accepted": ways, "live": True})
        if before is None:
            await note(connection, caller, "live.turned_on", ("account", account_id), after={"limit": ZERO})
    found = await live_standing(b.db, account_id)
    if found is None:
        raise NotFound(NOT_ON)
    return found


async def turn_off_live(b: Backends, caller: Caller, account_id: UUID) -> None:
    """Take no more orders of real money for this account, and send none that waits. Nothing happens where it is off."""
    if not caller.may_stop:
        raise NotAllowed("This token may look but stop nothing.")
    await _name_of(b, caller, account_id)
    async with b.db.transaction() as connection:
        asked = {"account": account_id, "user": caller.user_id}
        if (await connection.execute(queries.TURN_OFF, asked)).rowcount:
            await note(connection, caller, "live.turned_off", ("account", account_id))


async def set_live_limit(b: Backends, caller: Caller, account_id: UUID, most: Decimal) -> LiveStanding:
    """Up to what an order may be worth without a second factor of its own, in the account's currency.

    Lower counts at once; higher takes a second factor that was just given, and 24 hours. Zero: each order asks.
    """
    if caller.scopes is not None:
        raise NotAllowed("Only the account's owner, signed in, sets this limit.", code="not_live")
    if not most.is_finite() or not 0 <= most <= HIGHEST_LIMIT or most != most.quantize(CENT):
        raise InvalidInput(f"The limit is an amount between 0 and {HIGHEST_LIMIT:,.0f}, with cents at most.")
    await _name_of(b, caller, account_id)
    before = await live_standing(b.db, account_id)
    if before is None:
        raise NotFound(NOT_ON)
    async with b.db.transaction() as connection:
        if most > before.most:
            await _spend_factor(b, caller, connection)
        await connection.execute(queries.SET_LIMIT, {"account": account_id, "user": caller.user_id, "most": most})
        was, now = {"limit": before.most}, {"limit": most, "waits_a_day": most > before.most}
        await note(connection, caller, "live.limit_set", ("account", account_id), before=was, after=now)
    found = await live_standing(b.db, account_id)
    if found is None:
        raise NotFound(NOT_ON)
    return found


async def _spend_factor(b: Backends, caller: Caller, connection: Connection) -> None:
    asked = {"session": caller.session_id, "user": caller.user_id}
    row = await (await connection.execute(queries.TAKE_FACTOR, asked)).fetchone()
    if row is None or row[0] is None:
        raise FactorNeeded(ASKED, details={"accepted": await factor_ways(b, caller), "live": True})


async def _name_of(b: Backends, caller: Caller, account_id: UUID) -> str:
    name: str | None = await b.db.value(queries.NAME_OF, (account_id, caller.user_id))
    if name is None:
        raise NotFound("There is no such account of real money of yours.")
    return name
