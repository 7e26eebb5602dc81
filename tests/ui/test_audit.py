"""The audit log as an admin's tab shows it: newest first, by filter, one event's change on demand, and its standing."""

from dataclasses import replace
from pathlib import Path

from starkmatter.accounts.audit.records import SYSTEM
from starkmatter.accounts.audit.trail import append, event
from starkmatter.accounts.people import change_role
from starkmatter.backends import Backends, set_backends
from starkmatter.jobs.runner import JobRunner
from starkmatter.jobs.schedule import CHECK_LOG, timetable
from starkmatter.settings import load_settings
from starkmatter.ui.state.audit import PAGE, AuditState
from tests.builders import Desk, make_caller
from tests.ui.conftest import open_tab


async def test_an_event_is_found_opened_and_closed(desk: Desk) -> None:
    eve = await make_caller(desk.b.db, "viewer")
    await change_role(desk.b, replace(desk.caller, ip="203.0.113.7"), eve.user_id, "trader")
    audit = await (await open_tab(desk)).state(AuditState)
    await audit.load()
    assert [row["action"] for row in audit.rows] == ["session.opened", "person.role_changed", "account.opened"]
    await audit.look({"action": "person.", "person": str(eve.user_id), "subject": "", "start": "", "end": ""})
    (row,) = audit.rows
    assert (row["who"], row["ip"], row["how"], row["words"]) == (
        "Test",
        "203.0.113.7",
        "session",
        "person: role changed",
    )
    await audit.open_event(row["sequence"])
    assert audit.facts == [{"name": "role", "before": "viewer", "after": "trader"}]
    assert {one["name"] for one in audit.about} == {"Action", "Subject", "From", "Person", "Hash"}
    await audit.open_event(row["sequence"])
    assert (audit.shown, audit.facts) == ("", [])
    await audit.open_event("no number")
    assert audit.problem == ""
    assert audit.export == f"/api/v1/audit.csv?action=person.&person={eve.user_id}"


async def test_days_are_whole_days_and_nonsense_is_said(desk: Desk) -> None:
    audit = await (await open_tab(desk)).state(AuditState)
    await audit.look({"start": "2020-01-01", "end": "2020-01-02"})
    assert (audit.rows, audit.problem) == ([], "")
    assert audit.export.endswith("start=2020-01-01T00%3A00%3A00%2B00%3A00&end=2020-01-03T00%3A00%3A00%2B00%3A00")
    await audit.look({"start": "yesterday"})
    assert audit.problem == "Give the days as YYYY-MM-DD."
    await audit.look({"person": "nobody"})
    assert audit.problem == "There is nobody like that."


async def test_older_events_follow(desk: Desk) -> None:
    await append(desk.b, [event(SYSTEM, "job.asked", ("job", number)) for number in range(PAGE + 5)])
    audit = await (await open_tab(desk)).state(AuditState)
    await audit.look({"action": "job."})
    assert len(audit.rows) == PAGE
    await audit.older()
    assert [row["subject_id"] for row in audit.rows] == [str(number) for number in reversed(range(PAGE + 5))]
    assert audit.before == ""


async def test_the_standing_tells_when_the_chain_was_checked_and_how(desk: Desk, tmp_path: Path) -> None:
    b = Backends(load_settings({"STARKMATTER_HOME": str(tmp_path)}), desk.b.db, desk.b.cache)
    set_backends(b)
    audit = await (await open_tab(desk)).state(AuditState)
    await audit.load()
    assert (audit.standing, audit.sound) == ("2 events; the chain has not been checked yet.", "")
    job = next(one for one in timetable() if one.name == CHECK_LOG)
    for at in ("2026-11-26T10:00:00Z", "2026-11-26T11:00:00Z"):
        await JobRunner(b).run_scheduled(job, at)  # type: ignore[arg-type]
        if at.startswith("2026-11-26T10"):
            await audit.load()
            assert (audit.standing, audit.sound) == ("3 events; chain checked just now: whole", "yes")
            (tmp_path / "audit_anchors.jsonl").write_text(
                '{"sequence": 99, "hash": "00", "at": "2026-11-26T00:00:00+00:00"}\n'
            )
    await audit.load()
    assert audit.sound == "no"
    assert audit.standing.startswith("3 events; chain checked just now: NOT whole. Row 4 is missing")
