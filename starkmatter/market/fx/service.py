"""What a currency costs in another on a day, and the keeping of the rates that say so."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from starkmatter.db.database import Database
from starkmatter.domain.fx import (
    EURO,
    FRANKFURT,
    MAX_GAP,
    ONE,
    RateTable,
    ReferenceRate,
    cross_rate,
    is_target_day,
    newest_published_day,
)
from starkmatter.egress.excerpt import excerpt_of
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.market.fx import queries
from starkmatter.market.health import Health, keep_refusals
from starkmatter.market.ports import RateSource

FIRST_DAY = date(1999, 1, 4)
MAX_RATE = Decimal(10) ** 9
CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of `base` is `rate` units of `quote`, as of `day`, the last one at or before `on` that has both.

    `source` is empty for a currency in itself, which needs none.
    """

    base: str
    quote: str
    on: date
    rate: Decimal
    day: date
    source: str


async def rate(db: Database, base: str, quote: str, on: date) -> Rate:
    """The rate of a pair on a day, through the euro.

    InvalidInput for what is no currency's code; NotFound for one without a rate, where the last rate is older than ten
    days, and while no rates are stored at all.
    """
    base, quote = base.strip().upper(), quote.strip().upper()
    for name, currency in (("base", base), ("quote", quote)):
        if not CURRENCY.fullmatch(currency):
            raise InvalidInput(f"{name}: three letters, such as USD.")
    asked = sorted({base, quote} - {EURO})
    params = {"base": base, "quote": quote, "on": on, "currencies": asked}
    if base == quote:
        if base != EURO and not await db.tuples(queries.KNOWN_CURRENCIES, params):
            await _explain(db, params)
        return Rate(base, quote, on, ONE, on, "")
    rows = await db.tuples(queries.RATES_BY, params)
    if not rows:
        await _explain(db, params)
    ((day, base_rate, quote_rate, source),) = rows
    if on - day > MAX_GAP:
        pair, days = f"{base} in {quote}", (on - day).days
        raise NotFound(f"The last rate of {pair} before {on} is of {day}, {days} days earlier: too old to be used.")
    return Rate(base, quote, on, cross_rate(base_rate or ONE, quote_rate or ONE), day, source)


async def rates_between(db: Database, currencies: Iterable[str], first: date, last: date) -> RateTable:
    """The stored rates of these currencies for each day from `first` to `last`; of what has none the table says so."""
    asked = sorted(set(currencies) - {EURO})
    params = {"currencies": asked, "first": first - MAX_GAP, "last": last}
    rows = await db.tuples(queries.RATES_BETWEEN, params) if asked else []
    return RateTable({currency: (days, rates) for currency, days, rates in rows})


async def _explain(db: Database, params: dict[str, object]) -> None:
    """Raise what says why there is no rate."""
    newest = await newest_day(db)
    if newest is None:
        raise NotFound("No exchange rates are stored yet: they are fetched once there is an account of the market.")
    known = {currency for (currency,) in await db.tuples(queries.KNOWN_CURRENCIES, params)}
    for currency in (params["base"], params["quote"]):
        if currency != EURO and currency not in known:
            raise NotFound(f"There is no reference rate of {currency}.")
    raise NotFound(f"There is no rate of {params['base']} in {params['quote']} on or before {params['on']}.")


async def newest_day(db: Database) -> date | None:
    """The last day whose rates are stored."""
    found: date | None = await db.value(queries.NEWEST_DAY)
    return found


def refusal_of(one: ReferenceRate, today: date) -> str | None:
    """Why it cannot be a rate, in words; None when it can."""
    if not CURRENCY.fullmatch(one.currency):
        return "no currency"
    if not FIRST_DAY <= one.day <= today:
        return f"{one.day.isoformat()} is no day of such rates"
    if not (one.per_euro.is_finite() and 0 < one.per_euro < MAX_RATE):
        return f"rate {one.per_euro} is none"
    return None


async def update(db: Database, source: RateSource, now: datetime) -> str:
    """Fetch what is missing: the newest day, or all days when more than that is; one sentence of what came of it.

    VendorFailure when the source does not answer. What is no rate is refused, counted and kept as other data is.
    """
    due, known = newest_published_day(now), await newest_day(db)
    if known is not None and known >= due:
        return f"rates are known up to {known}"
    told = await source.newest() if known is not None and _follows(known, due) else await source.history()
    today, health, adapter = now.astimezone(FRANKFURT).date(), Health(), source.capability.adapter
    sound = []
    for one in told:
        reason = refusal_of(one, today)
        if reason is None:
            sound.append(one)
        else:
            health.refuse(adapter, one.currency, "rate", reason, excerpt_of(f"{one.day} {one.per_euro}"), now)
    await keep_refusals(db, health.take_refusals())
    changed = await _keep(db, adapter, sound, now)
    refused = health.of(adapter).refused
    words = f"{changed} rates new or changed, known up to {await newest_day(db)}"
    return f"{words}, {refused} refused" if refused else words


def _follows(known: date, due: date) -> bool:
    """Whether `due` is the first day of rates after `known`."""
    day = due - timedelta(days=1)
    while day > known and not is_target_day(day):
        day -= timedelta(days=1)
    return day <= known


async def _keep(db: Database, adapter: str, rates: Iterable[ReferenceRate], now: datetime) -> int:
    unique = {(one.day, one.currency): one.per_euro for one in rates}
    columns = {
        "days": [day for day, _ in unique],
        "currencies": [currency for _, currency in unique],
        "rates": list(unique.values()),
    }
    return await db.run(queries.PUT_RATES, columns | {"source": adapter, "now": now})
