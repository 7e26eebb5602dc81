"""The wall-clock market's regular work: the days after the close, what is missing of bars, sessions of the next year.

The feed does the asking, so that each vendor has one line; without anybody using the market nobody is asked.
"""

from datetime import timedelta
from weakref import WeakKeyDictionary

import orjson

from starkmatter.accounts.profile import other_base_currencies
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.quotes import Venue
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import Unavailable
from starkmatter.market.actions import queries as action_queries
from starkmatter.market.calendar import ensure_sessions
from starkmatter.market.clocks import EXCHANGE, nearby_sessions
from starkmatter.market.errands import ask
from starkmatter.market.fx.service import newest_day, update
from starkmatter.market.providers.ecb import EcbRates
from starkmatter.market.service import closes_before
from starkmatter.portfolio.importing.valuing import rates_came
from starkmatter.portfolio.snapshots import record_values
from starkmatter.trading.in_play import in_play

VENUE: Venue = "market"
SAME_DAY = timedelta(hours=16)
LOOKED_AT_WITHIN = timedelta(days=7)
WITHIN_SECS = 300.0
ASKED_LATELY = timedelta(hours=12)
ACTIONS_AT_ONCE, ACTIONS_ROUNDS = 20, 50
NOT_USED = "nobody has an account there: no vendor was asked"


async def end_of_day(b: Backends) -> str:
    """After the close: the day's official bars, and what accounts were worth at them."""
    now = utc_now()
    await ensure_sessions(b.db, EXCHANGE, now.date())
    used = await in_play(b.db, VENUE)
    if not used.accounts:
        return NOT_USED
    calendar = await nearby_sessions(b.db, now)
    session = calendar.sessions[calendar.index_at(now)]
    if not timedelta(0) <= now - session.closes_at < SAME_DAY:
        return "no session has ended today"
    words = await _refresh(b)
    closes = await closes_before(b.db, VENUE, used.symbols, now)
    missing = set(used.symbols) - set(closes)
    if missing:
        return f"{words}; no close of {', '.join(sorted(missing)[:5])}, so values at the close stay as they were seen"
    prices = orjson.dumps([{"symbol": symbol, "last": format(one, "f")} for symbol, one in closes.items()]).decode()
    await record_values(b.db, VENUE, session.closes_at, prices, with_positions=True)
    return f"{words}; values recorded at the close of {session.session_on}"


async def repair_bars(b: Backends) -> str:
    """Whatever is missing of bars that somebody looked at lately; what is older than is kept goes."""
    if not (await in_play(b.db, VENUE)).accounts:
        return NOT_USED
    return await _refresh(b)


async def repair_holes(b: Backends) -> str:
    """Holes inside what was fetched: found by the calendar and asked for again."""
    if not (await in_play(b.db, VENUE)).accounts:
        return NOT_USED
    return await _ask_feed(b, {"kind": "gaps"})


async def corporate_actions(b: Backends) -> str:
    """Splits, dividends and dates of earnings of whatever is held, watched or has stored bars, all of each anew."""
    used = await in_play(b.db, VENUE)
    if not used.accounts:
        return NOT_USED
    before = utc_now() - ASKED_LATELY
    told = changed = failed = 0
    for _ in range(ACTIONS_ROUNDS):
        asked = {"held": [*used.symbols, *used.tracked], "before": before, "limit": ACTIONS_AT_ONCE}
        symbols = [symbol for (symbol,) in await b.db.tuples(action_queries.DUE_SYMBOLS, asked)]
        if not symbols:
            break
        try:
            answer = await ask(b.cache, {"kind": "actions", "symbols": symbols}, within_secs=WITHIN_SECS)
        except Unavailable as error:
            return f"{told} symbols told, then no more: {error.text}"
        told, changed, failed = told + answer["told"], changed + answer["changed"], failed + answer["failed"]
        if answer["failed"]:
            break  # Sources that say no are asked again tomorrow, not in a circle.
    return f"{told} symbols told, {changed} rows new or changed, {failed} failed"


_rates: "WeakKeyDictionary[Database, EcbRates]" = WeakKeyDictionary()


async def fx_rates(b: Backends) -> str:
    """The euro's reference rates as far as they are published; nobody is asked for what is known."""
    if not (await in_play(b.db, VENUE)).accounts and not await other_base_currencies(b):
        return NOT_USED
    # One line for the life of the worker: it is what keeps us from asking too often.
    source = _rates.get(b.db) or _rates.setdefault(b.db, EcbRates(b.settings))
    none_yet = await newest_day(b.db) is None
    try:
        said = await update(b.db, source, utc_now())
    except VendorFailure as failure:
        return f"no rates fetched: {failure.text}"
    if none_yet:
        await rates_came(b)
    return said


async def _refresh(b: Backends) -> str:
    since = utc_now() - LOOKED_AT_WITHIN
    return await _ask_feed(b, {"kind": "refresh", "since": since.isoformat()})


async def _ask_feed(b: Backends, errand: dict[str, str]) -> str:
    try:
        answer = await ask(b.cache, errand, within_secs=WITHIN_SECS)
    except Unavailable as error:
        return f"no bars fetched: {error.text}"
    return str(answer["words"])
