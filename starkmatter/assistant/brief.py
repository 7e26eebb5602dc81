"""Briefs of a symbol, kept per venue, symbol and session: the local one always, the model's when somebody asks."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import orjson

from starkmatter.accounts.records import Caller
from starkmatter.assistant import queries
from starkmatter.assistant.budget import reserve, settle
from starkmatter.assistant.local_brief import SymbolStatistics, last_session_on, statistics_of, write_brief
from starkmatter.assistant.ports import Model, ModelFailure, ModelTurn
from starkmatter.assistant.prompts import BRIEF_SYSTEM
from starkmatter.assistant.records import BriefView
from starkmatter.assistant.render import safe_html
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.money import ZERO
from starkmatter.domain.quotes import Venue
from starkmatter.errors import NotFound, Refused
from starkmatter.portfolio.accounts import list_accounts
from starkmatter.portfolio.valuation import list_positions

LOCAL = "local"
MAX_TOKENS = 3_000
KEPT = timedelta(days=30)


async def read_brief(b: Backends, caller: Caller, venue: Venue, symbol: str, model: str | None) -> BriefView:
    """The newest brief of the last finished session: the model's if one was made, else the local one.

    `model` names the connected model, if any. NotFound for an unknown symbol.
    """
    own = await _own_words(b, caller, venue, symbol)
    last_on = await last_session_on(b, venue, symbol)
    kept = await b.db.tuples(queries.BRIEFS, {"venue": venue, "symbol": symbol, "session_on": last_on})
    if not kept:
        one = await statistics_of(b, venue, symbol)
        if one is None:
            return BriefView(venue, symbol, None, None, "", own, ZERO, can_ask=False)
        said = write_brief(one)
        await _keep(b, venue, one, LOCAL, said, ZERO)
        kept = [(LOCAL, said, one.session_on, ZERO, utc_now())]
    writer, said, session_on, cost, _ = kept[0]
    local = writer == LOCAL
    return BriefView(
        venue, symbol, session_on, None if local else writer, safe_html(said), own, cost, can_ask=local and bool(model)
    )


async def ask_for_brief(
    b: Backends, caller: Caller, venue: Venue, symbol: str, model: Model, budget_usd: Decimal
) -> BriefView:
    """Have the model write one from the local figures, once per session; what it cost is in it."""
    one = await statistics_of(b, venue, symbol)
    if one is None:
        raise NotFound(f"There are not enough days of {symbol[:20]} for a brief.")
    seen = await read_brief(b, caller, venue, symbol, model.name)
    if seen.model is not None:
        return seen
    facts = orjson.dumps(one.as_fact() | {"name": one.name}).decode()
    leave = await reserve(
        b,
        caller,
        "brief",
        model.name,
        budget_usd,
        prompt_bytes=len(BRIEF_SYSTEM.encode()) + len(facts.encode()),
        max_tokens=MAX_TOKENS,
    )
    messages = ({"role": "user", "content": [{"type": "text", "text": facts}]},)
    try:
        given = await model.take_turn(
            ModelTurn(BRIEF_SYSTEM, (), messages, MAX_TOKENS, asyncio.Event()), lambda _: None
        )
    except ModelFailure as failure:
        await settle(b, leave, None, may_cost=failure.may_cost)
        raise
    cost = await settle(b, leave, given.usage)
    said = given.said.replace("\0", "").encode("utf-8", "replace").decode().strip()
    if given.stop not in {"done", "max_tokens"} or not said:
        raise Refused("The model wrote no brief. The local one is there; what it cost is counted.")
    await _keep(b, venue, one, model.name, said, cost)
    return await read_brief(b, caller, venue, symbol, model.name)


async def forget_briefs(b: Backends) -> int:
    """Delete briefs older than a month; how many."""
    return await b.db.run(queries.FORGET_BRIEFS, {"before": utc_now() - KEPT})


async def _keep(b: Backends, venue: Venue, one: SymbolStatistics, writer: str, said: str, cost: Decimal) -> None:
    params = {
        "venue": venue,
        "symbol": one.symbol,
        "session_on": one.session_on,
        "model": writer,
        "said": said,
        "cost": cost,
        "now": utc_now(),
    }
    await b.db.run(queries.PUT_BRIEF, params)


async def _own_words(b: Backends, caller: Caller, venue: Venue, symbol: str) -> str:
    """What the caller holds of it, in one sentence; empty when nothing."""
    found = []
    for account in await list_accounts(b, caller):
        if account.venue != venue or account.read_only:
            continue
        for held in await list_positions(b, caller, account.id):
            if held.symbol == symbol and held.qty:
                share = f", {held.market_value / account.equity * 100:.1f} % of it" if account.equity > 0 else ""
                result = f"{held.unrealized_pl:+,.2f}".replace("-", "−")
                found.append(
                    f"In {account.name} you hold {held.qty.normalize():f} shares worth {held.market_value:,.2f} "
                    f"{account.currency}{share}; unrealized P&L {result}."
                )
    return " ".join(found)
