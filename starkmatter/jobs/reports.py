"""Mails the reports that are due: each period of each schedule once, whatever worker leads and however often it starts.

A period is taken, and its mail put into the outbox with the PDF, in one transaction. What cannot be made now is tried
again in an hour; a period that says nothing is passed over, in words that its person reads.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from starkmatter.accounts.records import Caller, Role
from starkmatter.alerts import queries as alert_queries
from starkmatter.alerts.service import mail_is_ready
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.periods import Period, last_complete
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, StarkMatterError
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.reporting import queries
from starkmatter.portfolio.reporting.building import make_report
from starkmatter.portfolio.reporting.layout import layout
from starkmatter.portfolio.reporting.links import forget_links
from starkmatter.portfolio.reporting.pdf import pdf_of
from starkmatter.portfolio.reporting.records import Report, Wish
from starkmatter.portfolio.reporting.schedules import ScheduleView
from starkmatter.portfolio.reporting.wishes import venue_today
from starkmatter.portfolio.reporting.words import change, money, percent

NO_SESSION = UUID(int=0)
# The replay's clock may run sixty days in one of ours: nobody gets more than one mail a day of a schedule.
SELDOM = timedelta(hours=20)
MAX_ATTACHED_BYTES = 8_000_000
MAX_WORDS = 200

log = structlog.get_logger("reports")


@dataclass(frozen=True, slots=True)
class _Due(ScheduleView):
    role: Role
    email: str
    display_name: str

    @property
    def caller(self) -> Caller:
        return Caller(self.user_id, NO_SESSION, self.role, self.email, self.display_name)


async def mail_reports(b: Backends) -> str:
    """Make and post what is due. Without a mail server nothing is made and every period waits."""
    await forget_links(b)
    schedules = await b.db.all(_Due, queries.ALL_SCHEDULES)
    if not await mail_is_ready(b):
        return f"no mail server is set up: {len(schedules)} schedules wait"
    now = utc_now()
    posted = 0
    for one in schedules:
        if one.last_at is None or now - one.last_at >= SELDOM:
            posted += await _post_due(b, one, now)
    return f"{posted} reports mailed of {len(schedules)} schedules"


async def _post_due(b: Backends, one: _Due, now: datetime) -> int:
    """Post the newest complete period unless it is done; how many mails that made."""
    try:
        account = await get_account(b, one.caller, one.account_ids[0])
        period = last_complete(one.every, await venue_today(b, account.venue))
    except NotFound:
        return await _say(b, one, "The account is not there any more, or not shared with you any more.")
    except StarkMatterError as error:
        return await _say(b, one, error.text)
    if period.end <= one.done_until:
        return 0
    wish = Wish(tuple(one.account_ids), period, frozenset(one.sections), one.benchmark, one.amounts)
    try:
        report = await make_report(b, one.caller, wish, now)
        pdf = await pdf_of(layout(report))
    except (NotFound, InvalidInput, NotAllowed) as error:
        await b.db.run(queries.TAKE_PERIOD, _taken(one, period, now, f"{period.name}: {error.text}", None))
        return 0
    except StarkMatterError as error:
        log.warning("report not made", schedule=str(one.id), reason=error.code)
        return await _say(b, one, f"{period.name} is tried again in an hour: {error.text}")
    return await _post(b, one, period, report, pdf, now)


async def _post(b: Backends, one: _Due, period: Period, report: Report, pdf: bytes, now: datetime) -> int:
    key = f"report:{one.id}:{period.start}"
    fits = len(pdf) <= MAX_ATTACHED_BYTES
    body = mail_text(b, report, attached=fits)
    mail = {"key": key, "user": one.user_id, "subject": report.title, "body": body, "now": now}
    name = f"starkmatter-report-{period.key.replace('..', '-')}.pdf"
    async with b.db.transaction() as connection:
        taken = await connection.execute(queries.TAKE_PERIOD, _taken(one, period, now, "", key))
        if taken.rowcount != 1:
            return 0
        put = await connection.execute(alert_queries.PUT_MAIL, mail)
        if put.rowcount and fits:
            attached = {"key": key, "user": one.user_id, "name": name, "content": pdf}
            await connection.execute(queries.PUT_ATTACHMENT, attached)
    return put.rowcount


def mail_text(b: Backends, report: Report, *, attached: bool) -> str:
    """The mail around the PDF: the headline of each account, what is missing, and how to stop it."""
    lines = [f"{report.title}", ""]
    for one in [*report.combined, *report.chapters]:
        twr = percent(one.performance.twr)
        if report.amounts:
            figures = f"{money(one.end_value)} {one.currency} at the end, result {change(one.result)}, return {twr}"
        else:
            figures = f"time-weighted return {twr}"
        lines.append(f"{one.name}: {figures}")
        lines += [f"  {words}" for words in one.missing]
    lines += [f"{one.name}: {one.why}" for one in report.absent]
    more = "The whole report is attached." if attached else "The whole report is too large for a mail; make it here:"
    page = f"{b.settings.browser_url}/portfolio/reports"
    return "\n".join([*lines, "", more, f"Reports, and stopping this one: {page}", ""])


def _taken(one: _Due, period: Period, now: datetime, words: str, key: str | None) -> dict[str, object]:
    return {"id": one.id, "end": period.end, "now": now, "words": words[:MAX_WORDS], "key": key}


async def _say(b: Backends, one: _Due, words: str) -> int:
    if words[:MAX_WORDS] != one.words:
        await b.db.run(queries.SAY, {"id": one.id, "words": words[:MAX_WORDS]})
    return 0
