"""Administration: the audit log with its filters, one event's details on demand, and whether the chain is whole."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import orjson
import reflex as rx

from starkmatter.accounts.audit.reading import list_events, newest_sequence
from starkmatter.accounts.audit.records import AuditView, Filter
from starkmatter.accounts.people import list_people
from starkmatter.accounts.records import Caller
from starkmatter.backends import backends
from starkmatter.clock import utc_now
from starkmatter.errors import InvalidInput, StarkMatterError
from starkmatter.jobs.history import ask_for_run, last_run
from starkmatter.jobs.schedule import CHECK_LOG, CHECK_LOG_AT_START
from starkmatter.ui import format as show
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

PAGE = 50
MAX_SHOWN = 500
FIELDS = ("action", "person", "subject", "start", "end")
NO_FILTER: Row = dict.fromkeys(FIELDS, "")
HOW = {"visitor": "at the door", "command": "command line", "token": "API token"}


class AuditState(rx.State):
    """The log as far as it is shown. `before` is where older events go on, empty at the end."""

    ready: bool = False
    rows: list[Row] = []
    before: str = ""
    wanted: Row = NO_FILTER
    people: list[Row] = []
    shown: str = ""
    facts: list[Row] = []
    about: list[Row] = []
    standing: str = ""
    sound: str = ""
    said: str = ""
    export: str = "/api/v1/audit.csv"
    problem: str = ""

    @rx.event
    @allow("admin")
    async def load(self) -> None:
        """Read the newest events of all."""
        self.wanted, self.said = NO_FILTER, ""
        await self._read()

    @rx.event
    @allow("admin")
    async def look(self, form: dict[str, str]) -> None:
        """Read the newest events that fit."""
        self.wanted, self.said = {name: form.get(name, "").strip()[:200] for name in FIELDS}, ""
        await self._read()

    @rx.event
    @allow("admin")
    async def older(self) -> None:
        """Go on where the list ends."""
        if not self.before or len(self.rows) >= MAX_SHOWN:
            return
        try:
            caller, which = await caller_of(self), _filter(self.wanted)
            found = await list_events(backends(), caller, which, PAGE, int(self.before))
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.rows = [*self.rows, *(_row(one) for one in found)]
        self._mark_end(found)

    @rx.event
    @allow("admin")
    async def open_event(self, sequence: str) -> None:
        """Show what one event changed, or nothing."""
        if self.shown == sequence or not (sequence.isascii() and sequence.isdecimal() and len(sequence) < 19):
            self.shown, self.facts, self.about = "", [], []
            return
        try:
            found = await list_events(backends(), await caller_of(self), Filter(), 1, int(sequence) + 1)
        except StarkMatterError as error:
            self.problem = error.text
            return
        one = found[0] if found and found[0].sequence == int(sequence) else None
        self.shown, self.facts, self.about = sequence, _facts(one), _about(one)

    @rx.event
    @allow("admin")
    async def check_now(self) -> None:
        """Have the worker check the whole chain."""
        try:
            await ask_for_run(backends(), await caller_of(self), CHECK_LOG)
            self.said, self.problem = "Asked the worker to check it. Look again in a few seconds.", ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text

    async def _read(self) -> None:
        self.shown, self.facts, self.about, self.problem = "", [], [], ""
        try:
            caller = await caller_of(self)
            await self._read_standing(caller)
            people = await list_people(backends(), caller)
            self.people = [{"id": str(one.id), "label": f"{one.display_name} ({one.email})"} for one in people]
            found = await list_events(backends(), caller, _filter(self.wanted), PAGE)
            self.rows = [_row(one) for one in found]
            self._mark_end(found)
            self.export = _export(self.wanted)
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True

    async def _read_standing(self, caller: Caller) -> None:
        """`12,431 events; chain checked 3 min ago: whole`."""
        b = backends()
        count = f"{await newest_sequence(b, caller):,} events"
        run = await last_run(b, caller, (CHECK_LOG, CHECK_LOG_AT_START))
        if run is None or run.finished_at is None:
            self.standing, self.sound = f"{count}; the chain has not been checked yet.", ""
            return
        ago = show.age(utc_now() - run.finished_at)
        good = run.outcome == "done"
        found = f"whole{run.words.partition('whole')[2]}" if good else f"NOT whole. {run.words}"
        self.standing, self.sound = f"{count}; chain checked {ago}: {found}", "yes" if good else "no"

    def _mark_end(self, found: list[AuditView]) -> None:
        more = len(found) == PAGE and len(self.rows) < MAX_SHOWN
        self.before = str(found[-1].sequence) if more else ""


def _filter(wanted: Row) -> Filter:
    """What the form asks for; both days count whole, in UTC."""
    person = None
    if wanted["person"]:
        try:
            person = UUID(wanted["person"])
        except ValueError:
            raise InvalidInput("There is nobody like that.") from None
    start, end = _day(wanted["start"]), _day(wanted["end"])
    return Filter(wanted["action"], person, wanted["subject"], start, end and end + timedelta(days=1))


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        on = date.fromisoformat(text)
        return datetime(on.year, on.month, on.day, tzinfo=UTC) if 1970 <= on.year < 9999 else None
    except ValueError:
        raise InvalidInput("Give the days as YYYY-MM-DD.") from None


def _export(wanted: Row) -> str:
    """The same events as CSV."""
    which = _filter(wanted)
    asked = {name: wanted[name] for name in ("action", "person", "subject")}
    asked |= {name: at.isoformat() if at else "" for name, at in (("start", which.start), ("end", which.end))}
    query = urlencode({name: text for name, text in asked.items() if text})
    return "/api/v1/audit.csv" + (f"?{query}" if query else "")


def _row(one: AuditView) -> Row:
    return {
        "sequence": str(one.sequence),
        "on": f"{one.at:%Y-%m-%d}",
        "at": f"{one.at:%H:%M:%S}",
        "who": one.actor_name or ("Somebody" if one.via == "visitor" else "StarkMatter"),
        "how": HOW.get(one.via, one.via),
        "ip": one.ip,
        "action": one.action,
        "words": one.action.replace(".", ": ").replace("_", " "),
        "subject": one.subject_type,
        "subject_id": one.subject_id[:8] if len(one.subject_id) == 36 else one.subject_id,
    }


def _about(one: AuditView | None) -> list[Row]:
    """What has no column of its own on a phone."""
    if one is None:
        return []
    pairs = [
        ("Action", one.action),
        ("Subject", f"{one.subject_type}/{one.subject_id}" if one.subject_type else ""),
        ("From", " ".join(part for part in (one.ip, f"({HOW.get(one.via, one.via)})") if part)),
        ("Person", str(one.actor_id or "")),
        ("Hash", one.hash.hex()),
    ]
    return [{"name": name, "value": value} for name, value in pairs if value]


def _facts(one: AuditView | None) -> list[Row]:
    """Each field that is said of the subject: before and after."""
    if one is None:
        return []
    before, after = one.before or {}, one.after or {}
    return [
        {"name": name.replace("_", " "), "before": _said(before.get(name)), "after": _said(after.get(name))}
        for name in dict.fromkeys((*before, *after))
    ]


def _said(value: object) -> str:
    if value is None or value == "":
        return show.NOTHING
    return value if isinstance(value, str) else orjson.dumps(value).decode()
