"""The reports page: what a report can be of, what is mailed, which links are out. A link's address goes over REST."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import reflex as rx

from starkmatter.alerts.service import mail_is_ready
from starkmatter.backends import backends
from starkmatter.clock import utc_now
from starkmatter.domain.periods import Every, last_complete, parse_period, period_around, period_between
from starkmatter.errors import StarkMatterError
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.benchmark import list_benchmarks
from starkmatter.portfolio.reporting.links import LinkView, list_links, revoke_link
from starkmatter.portfolio.reporting.schedules import ScheduleView, list_schedules, stop_schedule
from starkmatter.portfolio.reporting.wishes import opened_on, venue_today
from starkmatter.ui import format as show
from starkmatter.ui.state.ending import end_one
from starkmatter.ui.state.frame import FrameState, chosen_account
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

EVERY_WORDS: dict[Every, str] = {"week": "Weekly", "month": "Monthly", "quarter": "Quarterly", "year": "Yearly"}
MAIL_WORDS = {"": "none yet", "waiting": "on its way", "sending": "on its way", "sent": "sent", "dead": "not delivered"}
ALL_SECTIONS = 8
NONE_OF_YOURS = "There is no such thing of yours."


class ReportsState(rx.State):
    """Choices for the chosen account's market, and the person's schedules and links."""

    ready: bool = False
    accounts: list[Row] = []
    chosen: str = ""
    periods: list[Row] = []
    benchmarks: list[Row] = []
    mail_ready: bool = False
    mail_to: str = ""
    schedules: list[Row] = []
    links: list[Row] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read what there is."""
        self.problem = ""
        await self._read()

    @rx.event
    @allow("user")
    async def stop(self, schedule_id: str) -> None:
        """Mail it no longer."""
        await end_one(self, stop_schedule, schedule_id, NONE_OF_YOURS)

    @rx.event
    @allow("user")
    async def revoke(self, link_id: str) -> None:
        """End a link."""
        await end_one(self, revoke_link, link_id, NONE_OF_YOURS)

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        frame = await self.get_state(FrameState)
        try:
            account = await get_account(b, caller, await chosen_account(self))
            self.chosen = str(account.id)
            self.accounts = [
                {"id": row["id"], "name": row["name"], "own": "yes" if row["access"] == "own" else ""}
                for row in frame.accounts
                if row["venue"] == account.venue
            ]
            today, opened = await venue_today(b, account.venue), await opened_on(b, caller, account.id)
            self.periods = period_rows(today, opened)
            found = await list_benchmarks(b, account.venue)
            self.benchmarks = [{"symbol": one.symbol, "label": f"{one.name} ({one.symbol})"} for one in found]
            self.mail_ready, self.mail_to = await mail_is_ready(b), caller.email
            names = {row["id"]: row["name"] for row in frame.accounts}
            self.schedules = [schedule_row(one, names) for one in await list_schedules(b, caller)]
            self.links = [link_row(one, names) for one in await list_links(b, caller)]
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True


def period_rows(today: date, opened: date) -> list[Row]:
    """What is mostly asked for: each running period and the one before it, and everything since the opening."""
    rows = []
    for every in ("month", "quarter", "year"):
        running, former = period_around(every, today), last_complete(every, today)
        rows.append({"key": running.key, "name": f"{running.name}, up to now"})
        if former.end >= opened:
            rows.append({"key": former.key, "name": former.name})
    week = last_complete("week", today)
    if week.end >= opened:
        rows.append({"key": week.key, "name": week.name})
    whole = period_between(min(opened, today), today)
    return [*rows, {"key": whole.key, "name": "Since the account was opened"}]


def schedule_row(one: ScheduleView, names: dict[str, str]) -> Row:
    """A line of the table of schedules."""
    return {
        "id": str(one.id),
        "every": EVERY_WORDS[one.every],
        "what": _what(one.account_ids, one.sections, one.amounts, names),
        "mail": "sent" if one.last_at and not one.mail and not one.words else MAIL_WORDS.get(one.mail, one.mail),
        "last": show.wall_time(one.last_at) if one.last_at else "",
        "words": one.mail_words if one.mail == "dead" else one.words,
    }


def link_row(one: LinkView, names: dict[str, str]) -> Row:
    """A line of the table of links."""
    return {
        "id": str(one.id),
        "label": one.label,
        "hint": one.hint,
        "what": f"{parse_period(one.period).name}. {_what(one.account_ids, one.sections, one.amounts, names)}",
        "ends": show.wall_time(one.expires_at),
        "ended": "yes" if one.expires_at <= utc_now() else "",
        "used": show.wall_time(one.last_used_at) if one.last_used_at else "never",
        "place": f"{one.uses:,} times, last from {one.last_used_ip}" if one.uses else "",
    }


def _what(accounts: Sequence[UUID], sections: Sequence[str], amounts: bool, names: dict[str, str]) -> str:
    of = ", ".join(names.get(str(one), "an account") for one in accounts)
    parts = "all sections" if len(sections) == ALL_SECTIONS else ", ".join(sections)
    return f"{of}: {parts}{'' if amounts else ', percentages only'}"
