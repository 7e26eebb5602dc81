"""The daily summary: what each account did today, by mail, to those who asked for it."""

from datetime import date, datetime
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.alerts import queries as alert_queries
from starkmatter.alerts.mailroom import post_mail
from starkmatter.alerts.service import list_alert_events
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.money import plain
from starkmatter.domain.orders import OPEN
from starkmatter.domain.sessions import exchange_day
from starkmatter.portfolio.accounts import list_accounts
from starkmatter.portfolio.records import AccountView
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading.orders import list_orders

NO_SESSION = UUID(int=0)
MOVERS = 5


async def post_summaries(b: Backends) -> str:
    """One mail a person and day into the outbox; running it twice posts nothing twice."""
    now = utc_now()
    posted = 0
    wanting = await b.db.tuples(alert_queries.WANT_SUMMARY)
    for user_id, role, email, name in wanting:
        caller = Caller(user_id, NO_SESSION, role, email, name)
        text = await summary_text(b, caller, now)
        if text is None:
            continue
        on = exchange_day(now)
        posted += await post_mail(b, f"summary:{user_id}:{on}", user_id, f"Your day, {on:%B} {on.day}", text)
    return f"{posted} summaries for {len(wanting)} people"


async def summary_text(b: Backends, caller: Caller, now: datetime) -> str | None:
    """The mail's text; None for a person without an open account."""
    accounts = [one for one in await list_accounts(b, caller) if one.access == "own" and not one.read_only]
    if not accounts:
        return None
    today = exchange_day(now)
    lines = [f"Good evening, {caller.display_name}.", ""]
    for account in accounts:
        lines += await _account_lines(b, caller, account)
    lines += await _alert_lines(b, caller, today)
    return "\n".join([*lines, f"{b.settings.browser_url}/portfolio", ""])


async def _account_lines(b: Backends, caller: Caller, account: AccountView) -> list[str]:
    market = "replay market, paper" if account.venue == "replay" else f"market, {account.broker}"
    lines = [
        f"{account.name} ({market})",
        f"  Equity {account.equity:,.2f} {account.currency}, today {account.day_pl:+,.2f}; cash {account.cash:,.2f}",
    ]
    positions = [one for one in await list_positions(b, caller, account.id) if one.qty]
    for one in sorted(positions, key=lambda one: abs(one.day_pl), reverse=True)[:MOVERS]:
        lines.append(f"  {one.symbol:<6} {plain(one.qty)} shares, {one.market_value:,.2f}, today {one.day_pl:+,.2f}")
    waiting = await list_orders(b, caller, account.id, statuses=OPEN)
    if waiting:
        lines.append(f"  {len(waiting)} open order{'s' if len(waiting) > 1 else ''}")
    if account.stale:
        lines.append("  At least one position has no fresh price and stands at an older one.")
    return [*lines, ""]


async def _alert_lines(b: Backends, caller: Caller, today: date) -> list[str]:
    fired = [one for one in await list_alert_events(b, caller, 20) if exchange_day(one.fired_at) == today]
    return [*(f"Alert: {one.words}" for one in fired), ""] if fired else []
