"""The timetable: what runs when, in UTC. The feeds, the brokers and the outbox run all the time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from starkmatter.accounts.confirmation import forget_old_confirmations
from starkmatter.accounts.oidc.flows import forget_old_flows
from starkmatter.accounts.passkeys.challenges import forget_old_challenges
from starkmatter.accounts.programs.signing_keys import forget_old_keys, rotate_keys
from starkmatter.accounts.programs.tokens import forget_old_programs
from starkmatter.accounts.reset import forget_old_links
from starkmatter.accounts.sealing.rotation import finish_rotation
from starkmatter.accounts.sessions import delete_old_sessions
from starkmatter.accounts.throttle import forget_old_tries
from starkmatter.alerts import queries as alert_queries
from starkmatter.assistant.brief import forget_briefs
from starkmatter.assistant.budget import settle_lost_calls
from starkmatter.assistant.proposals import forget_proposals
from starkmatter.assistant.service import forget_chats
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.jobs import queries
from starkmatter.jobs.audit import anchor_log
from starkmatter.jobs.books import audit_books
from starkmatter.jobs.market import corporate_actions, end_of_day, fx_rates, repair_bars, repair_holes
from starkmatter.jobs.reports import mail_reports
from starkmatter.jobs.summary import post_summaries
from starkmatter.market.health import forget_refusals
from starkmatter.news.collect import collect_news, forget_old_news, write_samples
from starkmatter.portfolio.importing.work import forget_old_imports, tell_all_values
from starkmatter.trading.approvals.service import forget_approvals
from starkmatter.trading.live.permits import forget_asked

KEEP_SESSIONS = timedelta(days=30)
KEEP_ALERTS = timedelta(days=90)
KEEP_RUNS = timedelta(days=30)
KEEP_REFUSALS, REFUSALS_AT_MOST = timedelta(days=14), 5_000
NEW_YORK = "America/New_York"
COLLECT_NEWS = "collect news"
CHECK_LOG, CHECK_LOG_AT_START = "audit log", "audit log at start"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the timetable. `work` returns one sentence or figure for the history."""

    name: str
    when: str
    trigger: BaseTrigger
    about: str
    work: Callable[[Backends], Awaitable[str]]


def at_start() -> BaseTrigger:
    """Once, as soon as the worker leads."""
    return DateTrigger()


def daily(hour: int, minute: int, zone: str = "UTC") -> BaseTrigger:
    """Each day at that time of day."""
    return CronTrigger(hour=hour, minute=minute, timezone=zone)


def weekdays(hour: int, minute: int, zone: str) -> BaseTrigger:
    """Monday to Friday at that time of day; the work itself knows holidays."""
    return CronTrigger(day_of_week="mon-fri", hour=hour, minute=minute, timezone=zone)


def every(**period: int) -> BaseTrigger:
    """At the same instants on every worker, whenever it was started: `every(minutes=15)`."""
    return IntervalTrigger(start_date=EPOCH, timezone=UTC, **period)


def timetable() -> list[Job]:
    """Every job; a run that was missed while the machine slept happens once, late."""
    return [
        Job("audit books at start", "at start", at_start(), "Checks every promise of the ledger.", _audit),
        Job("audit books", "daily 03:10", daily(3, 10), "Checks every promise of the ledger.", _audit),
        Job(CHECK_LOG_AT_START, "at start", at_start(), "Checks the audit log and anchors its head.", anchor_log),
        Job(CHECK_LOG, "hourly", every(hours=1), "Checks the audit log and anchors its head.", anchor_log),
        Job(
            "forget old sessions",
            "daily 03:40",
            daily(3, 40),
            "Deletes sign-ins, counts of tries and links that ended.",
            _forget_sessions,
        ),
        Job(
            "rotate signing keys",
            "daily 03:30",
            daily(3, 30),
            "Replaces the key of access tokens every thirty days; deletes ended tokens of programs.",
            _rotate_keys,
        ),
        Job("vault", "hourly", every(hours=1), "Brings what is sealed under the vault's newest key.", finish_rotation),
        Job(
            "market end of day",
            "weekdays 16:20 in New York",
            weekdays(16, 20, NEW_YORK),
            "Records the close.",
            end_of_day,
        ),
        Job("market bars", "hourly", every(hours=1), "Fetches what is missing of the market's bars.", repair_bars),
        Job(
            "market holes",
            "every 6 hours",
            every(hours=6),
            "Finds holes in the market's bars and asks for them again.",
            repair_holes,
        ),
        Job(
            "corporate actions",
            "daily 06:30 in New York",
            daily(6, 30, NEW_YORK),
            "Asks for splits, dividends and dates of earnings of what is held, watched or stored.",
            corporate_actions,
        ),
        Job(
            "fx rates",
            "hourly",
            every(hours=1),
            "Asks for the euro's reference rates of a day after 16:00 in Frankfurt, until they are there.",
            fx_rates,
        ),
        Job(
            "daily summary",
            "weekdays 17:00 in New York",
            weekdays(17, 0, NEW_YORK),
            "Mails the day's summary to those who asked for it.",
            post_summaries,
        ),
        Job(
            "mail reports",
            "hourly",
            every(hours=1),
            "Mails the reports whose period is over, each once; forgets links that ended.",
            mail_reports,
        ),
        Job("forget old alerts", "daily 03:45", daily(3, 45), "Keeps fired alerts and mails 90 days.", _forget_alerts),
        Job(
            "collect news",
            "every 15 min",
            every(minutes=15),
            "Asks every source of news for new stories.",
            collect_news,
        ),
        Job(
            "sample news", "every 15 min", every(minutes=15), "Writes what a close of the replay missed.", write_samples
        ),
        Job("forget old news", "daily 03:55", daily(3, 55), "Keeps market news 90 days.", forget_old_news),
        Job(
            "forget refused data",
            "hourly",
            every(hours=1),
            "Keeps what the border of market data refused 14 days, and the newest 5,000 rows.",
            _forget_refusals,
        ),
        Job("forget old runs", "daily 03:50", daily(3, 50), "Keeps this history to thirty days.", _forget_runs),
        Job(
            "settle lost AI calls",
            "every 15 minutes",
            every(minutes=15),
            "Counts calls to the model whose maker is gone as spent in full.",
            _settle_lost_calls,
        ),
        Job(
            "forget old imports",
            "hourly",
            every(hours=1),
            "Drops files and dry runs of imports that nobody went on with for a day.",
            forget_old_imports,
        ),
        Job(
            "value tracked accounts",
            "weekdays 17:30 New York",
            weekdays(17, 30, NEW_YORK),
            "Tells the former days of accounts that are held elsewhere anew, with prices that came late.",
            tell_all_values,
        ),
        Job(
            "forget old proposals",
            "daily 04:00",
            daily(4, 0),
            "Deletes proposals nobody took, old approvals and briefs, and conversations untouched for a year.",
            _forget_proposals,
        ),
    ]


async def _audit(b: Backends) -> str:
    found = await audit_books(b.db)
    return "the books add up" if not found else f"{len(found)} broken: {found[0].rule} {found[0].subject}"


async def _forget_sessions(b: Backends) -> str:
    sessions, tries = await delete_old_sessions(b, KEEP_SESSIONS), await forget_old_tries(b)
    links, journeys = await forget_old_links(b), await forget_old_flows(b)
    await forget_old_challenges(b)
    await forget_old_confirmations(b)
    told = f"{sessions} ended sessions, {tries} counts of tries, {links} reset links"
    return f"{told} and {journeys} unfinished sign-ins elsewhere deleted"


async def _rotate_keys(b: Backends) -> str:
    now = utc_now()
    done = await rotate_keys(b.db, b.settings, now)
    gone, programs = await forget_old_keys(b.db, now), await forget_old_programs(b)
    return f"{'a new key signs' if done else 'the key stays'}; {gone} keys and {programs} ended tokens deleted"


async def _forget_alerts(b: Backends) -> str:
    before = utc_now() - KEEP_ALERTS
    mails = await b.db.run(alert_queries.FORGET_MAILS, (before,))
    return f"{await b.db.run(alert_queries.FORGET_EVENTS, (before,))} crossings and {mails} mails forgotten"


async def _forget_runs(b: Backends) -> str:
    return f"{await b.db.run(queries.FORGET_RUNS, (utc_now() - KEEP_RUNS,))} runs forgotten"


async def _forget_refusals(b: Backends) -> str:
    return f"{await forget_refusals(b.db, utc_now() - KEEP_REFUSALS, REFUSALS_AT_MOST)} rows forgotten"


async def _settle_lost_calls(b: Backends) -> str:
    return f"{await settle_lost_calls(b)} lost calls counted as spent"


async def _forget_proposals(b: Backends) -> str:
    proposals, briefs, chats = await forget_proposals(b), await forget_briefs(b), await forget_chats(b)
    approvals = await forget_approvals(b) + await forget_asked(b)
    return f"{proposals} proposals, {approvals} approvals, {briefs} briefs and {chats} conversations deleted"
