"""What an operator tells of the market's actions: those that no source names, and what one said wrongly."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.corporate.terms import CorporateError, action_words
from starkmatter.domain.quotes import Venue
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound
from starkmatter.market.actions.telling import OPERATOR, ToldRow, tell_actions
from starkmatter.trading.corporate import queries
from starkmatter.trading.corporate.rule import ALL_KINDS

# Splits never happen on the replay: its prices are in shares of today, and what it paid its own history says.
VENUE: Venue = "market"
CURRENCY = "USD"
MAX_LISTED = 200


@dataclass(frozen=True, slots=True)
class Telling:
    """What an operator says. Without a kind the action that `action_id` names is withdrawn.

    `numerator` new shares for `denominator` held (a stock dividend: for one, `denominator` 1). `price` is a dividend's
    per share, a delisting's last one, or that of a whole new share where parts are paid in cash. `action_id` names an
    action that is corrected; a new one is named by its kind, symbol and day.
    """

    symbol: str
    ex_on: date
    kind: str | None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    price: Decimal | None = None
    cost_pct: Decimal | None = None
    to_symbol: str | None = None
    action_id: str | None = None


async def told_about(b: Backends, caller: Caller, symbol: str) -> list[ToldRow]:
    """Every revision about a symbol of the market, the newest first. NotAllowed for anybody but an admin."""
    _check_operator(caller)
    asked = {"venue": VENUE, "symbol": symbol.strip().upper(), "limit": MAX_LISTED}
    return await b.db.all(ToldRow, queries.REVISIONS_OF, asked)


async def tell_by_hand(b: Backends, caller: Caller, said: Telling) -> ToldRow:
    """Add a revision; the worker books it on every account that it concerns, from its day on.

    InvalidInput for what makes no sense or an unknown symbol, NotFound for an action that is to be corrected and was
    never told, Conflict when somebody told another revision at this moment, NotAllowed for anybody but an admin.
    """
    _check_operator(caller)
    symbol = said.symbol.strip().upper()
    if said.kind is not None and said.kind not in ALL_KINDS:
        raise InvalidInput(f"The kind must be one of: {', '.join(sorted(ALL_KINDS))}.")
    if said.kind in {"split", "spin_off", "stock_dividend"} and not (said.numerator and said.denominator):
        raise InvalidInput("Say how many new shares come for how many held.")
    if said.kind == "dividend" and said.price is None:
        raise InvalidInput("Say how much is paid for a share.")
    if said.kind is None and said.action_id is None:
        raise InvalidInput("Say which action is withdrawn.")
    action_id = said.action_id or f"{said.kind}/{symbol}/{said.ex_on}"
    other = said.to_symbol.strip().upper() if said.to_symbol else None
    now = utc_now()
    async with b.db.transaction() as connection:
        asked = {"venue": VENUE, "symbol": symbol, "action_id": action_id}
        if await (await connection.execute(queries.KNOWN_INSTRUMENT, asked)).fetchone() is None:
            raise InvalidInput(f"The market knows no {symbol}.")
        last = await (await connection.execute(queries.LAST_REVISION, asked)).fetchone()
        if last is None and said.action_id is not None:
            raise NotFound("Nothing of that name was told.")
        if last is not None and last[1] != symbol:
            raise InvalidInput(f"{action_id} is an action of {last[1]}.")
        row = ToldRow(
            0, action_id, last[0] + 1 if last else 1, symbol, said.ex_on, last[2] if last else CURRENCY, said.kind,
            said.numerator, said.denominator, said.price, said.cost_pct, other, OPERATOR, now,
        )  # fmt: skip
        try:
            told = row.told
        except CorporateError as error:
            raise InvalidInput(str(error)) from None
        if not await tell_actions(connection, VENUE, [told], now):
            raise Conflict("Somebody told another revision of it at this moment: look at it again.")
        about = {"revision": told.revision, "words": action_words(told)}
        await note(connection, caller, "action.told", ("action", action_id), after=about)
    return row


def _check_operator(caller: Caller) -> None:
    if not caller.is_admin:
        raise NotAllowed("Only an admin may do this.")
