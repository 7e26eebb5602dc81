"""Makes baskets, changes them while nothing of them was sent, and says what became of them. It orders nothing."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID, uuid4

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.orders import OrderRequest
from starkmatter.domain.risk import MAX_ORDER_QTY
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.trading.baskets import queries
from starkmatter.trading.baskets.records import Basket, BasketHead, BasketLine, Source, hash_of
from starkmatter.trading.facts import account_facts
from starkmatter.trading.submit import order_id_for

MAX_LINES = 50
MAX_DRAFTS = 50
MAX_NAME_CHARS = 80
MAX_SYMBOL_CHARS = 20
PAGE = 100
QTY_STEP = Decimal("1E-9")
CHANGED = "This basket was changed meanwhile: look at it again. Nothing was sent or lost."


async def make_basket(
    b: Backends,
    caller: Caller,
    account_id: UUID,
    name: str,
    requests: Sequence[OrderRequest],
    *,
    source: Source | None = None,
) -> Basket:
    """Put orders together, to be reviewed and sent later by a person. Nothing is ordered.

    NotAllowed for a role or a share that only looks, NotFound for an account that is not the caller's, InvalidInput for
    orders that a basket does not keep, Refused when the account has fifty unsent baskets.
    """
    account = await _account(b, caller, account_id)
    named = _checked_name(name)
    check_lines(requests)
    if await b.db.value(queries.COUNT_DRAFTS, (account_id,)) >= MAX_DRAFTS:
        raise Refused(f"{MAX_DRAFTS} baskets of this account were never sent: send or delete some of them first.")
    basket_id = uuid4()
    asked = {
        "id": basket_id,
        "account": account,
        "user": caller.user_id,
        "source": source or ("person" if caller.scopes is None else "program"),
        "name": named,
        "now": utc_now(),
    }
    async with b.db.transaction() as connection:
        await connection.execute(queries.INSERT, asked)
        await _put(connection, basket_id, account_id, requests)
        about = {"account": account_id, "lines": len(requests)}
        await note(connection, caller, "basket.made", ("basket", basket_id), after=about)
    return await get_basket(b, caller, basket_id)


async def put_lines(
    b: Backends, caller: Caller, basket_id: UUID, requests: Sequence[OrderRequest], basket_hash: str
) -> Basket:
    """Replace all lines of a basket of which nothing was sent.

    Conflict when some of it was, or when it is no longer the basket of that hash.
    """
    found = await to_change(b, caller, basket_id)
    check_lines(requests)
    async with b.db.transaction() as connection:
        if await locked(connection, found) != basket_hash:
            raise Conflict(CHANGED, code="basket_changed")
        await connection.execute(queries.DELETE_LINES, (basket_id,))
        await _put(connection, basket_id, found.head.account_id, requests)
        before, after = {"hash": basket_hash}, {"lines": len(requests)}
        await note(connection, caller, "basket.changed", ("basket", basket_id), before=before, after=after)
    return await get_basket(b, caller, basket_id)


async def drop_basket(b: Backends, caller: Caller, basket_id: UUID) -> None:
    """Delete a basket of which nothing was sent; close one that was: what is not sent by then never will be."""
    found = await to_change(b, caller, basket_id)
    async with b.db.transaction() as connection:
        row = await (await connection.execute(queries.LOCK, (basket_id,))).fetchone()
        if row is None:
            raise NotFound("There is no such basket.")
        if row[0] is None:
            await connection.execute(queries.DELETE, (basket_id,))
        else:
            await connection.execute(queries.CLOSE, {"basket": basket_id, "now": utc_now()})
        verb = "basket.deleted" if row[0] is None else "basket.closed"
        await note(connection, caller, verb, ("basket", basket_id), before={"hash": found.hash})


async def get_basket(b: Backends, caller: Caller, basket_id: UUID) -> Basket:
    """One basket; NotFound when it is of an account the caller does not see."""
    head = await b.db.one(BasketHead, queries.ONE, {"basket": basket_id, "user": caller.user_id})
    if head is None:
        raise NotFound("There is no such basket.")
    return Basket(head, await b.db.all(BasketLine, queries.LINES, ([basket_id],)))


async def list_baskets(b: Backends, caller: Caller, account_id: UUID | None = None) -> list[Basket]:
    """Baskets of one account, or of every account the caller sees; the newest hundred first."""
    asked = {"user": caller.user_id, "account": account_id, "limit": PAGE}
    heads = await b.db.all(BasketHead, queries.LIST, asked)
    of_basket: dict[UUID, list[BasketLine]] = defaultdict(list)
    for line in await b.db.all(BasketLine, queries.LINES, ([one.id for one in heads],)):
        of_basket[line.basket_id].append(line)
    return [Basket(one, of_basket[one.id]) for one in heads]


async def to_change(b: Backends, caller: Caller, basket_id: UUID) -> Basket:
    """The basket, for somebody who trades on its account; NotAllowed for others who see it."""
    found = await get_basket(b, caller, basket_id)
    await _account(b, caller, found.head.account_id)
    return found


async def locked(connection: Connection, found: Basket) -> str:
    """The hash of the basket's lines as they are now, with the basket locked until the transaction ends.

    Conflict when some of it was sent already.
    """
    row = await (await connection.execute(queries.LOCK, (found.head.id,))).fetchone()
    if row is None:
        raise NotFound("There is no such basket.")
    if row[0] is not None:
        raise Conflict("Some of this basket was sent already: make another one for what is to be different.")
    return await hash_now(connection, found)


async def hash_now(connection: Connection, found: Basket) -> str:
    """The hash of the lines that are stored now."""
    rows = await (await connection.execute(queries.LINES, ([found.head.id],))).fetchall()
    return hash_of(found.head.account_id, [BasketLine(*row).request for row in rows])


def check_lines(requests: Sequence[OrderRequest]) -> None:
    """InvalidInput, in words, for what a basket does not keep; what the market refuses the review says."""
    if not 1 <= len(requests) <= MAX_LINES:
        raise InvalidInput(f"A basket has between one and {MAX_LINES} orders.")
    twice = sorted({one.symbol for one in requests if sum(other.symbol == one.symbol for other in requests) > 1})
    if twice:
        raise InvalidInput(f"A basket has one order for each symbol: {', '.join(twice)} is in it more than once.")
    for place, one in enumerate(requests, 1):
        where = f"Order {place} ({one.symbol[:MAX_SYMBOL_CHARS] or 'no symbol'})"
        if one != OrderRequest(one.symbol, one.side, one.type, one.qty, one.time_in_force, one.limit_price):
            raise InvalidInput(
                f"{where}: an order of a basket has a symbol, a side, a quantity, perhaps a limit, and a time in force "
                "without a date. Send others by the ticket."
            )
        if not 1 <= len(one.symbol) <= MAX_SYMBOL_CHARS:
            raise InvalidInput(f"{where}: a symbol has up to {MAX_SYMBOL_CHARS} characters.")
        if one.type not in {"market", "limit"} or one.time_in_force not in {"day", "gtc"}:
            raise InvalidInput(f"{where}: market or limit, for the day or until canceled.")
        if not one.qty.is_finite() or not 0 < one.qty <= MAX_ORDER_QTY or one.qty % QTY_STEP:
            raise InvalidInput(f"{where}: give the quantity as a figure above zero with up to nine decimals.")
        if (one.type == "limit") != (one.limit_price is not None):
            raise InvalidInput(f"{where}: a limit order has a limit, and no other has.")
        limit = one.limit_price
        if limit is not None and (not limit.is_finite() or not 0 < limit < 10**12 or limit % Decimal("1E-6")):
            raise InvalidInput(f"{where}: give the limit as a price above zero with up to six decimals.")


def _checked_name(name: str) -> str:
    named = name.strip()
    if not 1 <= len(named) <= MAX_NAME_CHARS:
        raise InvalidInput(f"Give the basket a name of up to {MAX_NAME_CHARS} characters.")
    return named


async def _account(b: Backends, caller: Caller, account_id: UUID) -> UUID:
    if not caller.may_trade:
        raise NotAllowed("Your role may look but not trade.")
    return (await account_facts(b.db, caller, account_id)).id


async def _put(connection: Connection, basket_id: UUID, account_id: UUID, requests: Sequence[OrderRequest]) -> None:
    for place, one in enumerate(requests, 1):
        row = {
            "basket": basket_id,
            "place": place,
            "account": account_id,
            "symbol": one.symbol,
            "side": one.side,
            "type": one.type,
            "qty": one.qty,
            "limit_price": one.limit_price,
            "time_in_force": one.time_in_force,
            "order": order_id_for(account_id, key_of(basket_id, place)),
        }
        await connection.execute(queries.INSERT_LINE, row)


def key_of(basket_id: UUID, place: int) -> str:
    """The idempotency key of a line: however often the basket is sent, it is one order."""
    return f"basket-{basket_id}-{place}"
