"""Reports by mail: each period once, whatever runs twice; nothing without a mail server; words for what went wrong."""

import asyncio
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from starkmatter.alerts.mailroom import deliver
from starkmatter.db.database import Database
from starkmatter.domain.quotes import VenueClock
from starkmatter.errors import Unavailable
from starkmatter.jobs import reports
from starkmatter.jobs.reports import mail_reports
from starkmatter.portfolio.reporting.schedules import list_schedules, make_schedule, stop_schedule
from tests.alerts.test_alerts import connect_mail
from tests.builders import OPENS_AT, Desk, make_desk, open_clock, quote
from tests.portfolio.report_figures import pdf_text
from tests.standins.smtp import Mailbox, mail_server


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as opened:
        yield opened


@pytest.fixture
async def desk(database: Database, cache: Redis, tmp_path: Path) -> Desk:
    return await make_desk(database, cache)


def clock_on(day: date, hour: int = 15) -> VenueClock:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=OPENS_AT.tzinfo)
    return open_clock(
        venue_now=at, session_on=day, next_open=at + timedelta(days=1), next_close=at + timedelta(hours=5)
    )


async def go_to(desk: Desk, day: date, hour: int = 15) -> None:
    await desk.tell(quote("AAPL 100.00/100.05"), clock=clock_on(day, hour))


async def rest(desk: Desk) -> None:
    """As if the last mails were a day ago."""
    await desk.b.db.run("UPDATE report_schedule SET last_at = last_at - interval '1 day'")


async def outbox(desk: Desk) -> list[tuple[Any, ...]]:
    return await desk.b.db.tuples("SELECT key, subject, state FROM mail_outbox ORDER BY created_at, key")


async def test_a_month_is_mailed_once_with_its_pdf_when_it_is_over(desk: Desk, box: Mailbox) -> None:
    await connect_mail(desk.b, box)
    await go_to(desk, date(2021, 3, 1))
    made = await make_schedule(desk.b, desk.caller, [desk.account_id], "month", benchmark="")
    assert await mail_reports(desk.b) == "0 reports mailed of 1 schedules"
    await go_to(desk, date(2021, 3, 31), 23)
    assert await mail_reports(desk.b) == "0 reports mailed of 1 schedules"
    await go_to(desk, date(2021, 4, 1))
    assert await mail_reports(desk.b) == "1 reports mailed of 1 schedules"
    await rest(desk)
    assert await mail_reports(desk.b) == "0 reports mailed of 1 schedules"
    assert await outbox(desk) == [(f"report:{made.id}:2021-03-01", "Practice, March 2021", "waiting")]
    assert await deliver(desk.b) == 1
    [mail] = box.mails
    assert box.recipients == [[desk.caller.email]]
    assert mail["Subject"] == "Practice, March 2021"
    [attached] = list(mail.iter_attachments())
    assert (attached.get_filename(), attached.get_content_type()) == (
        "starkmatter-report-2021-03.pdf",
        "application/pdf",
    )
    assert "March 2021" in pdf_text(attached.get_content())
    body = mail.get_body()
    assert body is not None
    assert "/portfolio/reports" in body.get_content()
    assert await desk.b.db.value("SELECT count(*) FROM mail_attachment") == 0
    [listed] = await list_schedules(desk.b, desk.caller)
    assert (listed.mail, listed.done_until, listed.words) == ("sent", date(2021, 3, 31), "")


async def test_workers_that_run_it_at_the_same_time_post_one_mail(desk: Desk, box: Mailbox) -> None:
    await connect_mail(desk.b, box)
    await go_to(desk, date(2021, 3, 1))
    await make_schedule(desk.b, desk.caller, [desk.account_id], "month", benchmark="")
    await go_to(desk, date(2021, 4, 2))
    said = await asyncio.gather(*(mail_reports(desk.b) for _ in range(3)))
    assert sorted(one[0] for one in said) == ["0", "0", "1"]
    assert len(await outbox(desk)) == 1
    assert await desk.b.db.value("SELECT count(*) FROM mail_attachment") == 1


async def test_a_worker_that_ends_before_the_mail_is_posted_has_taken_nothing(
    desk: Desk, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connect_mail(desk.b, box)
    await go_to(desk, date(2021, 3, 1))
    await make_schedule(desk.b, desk.caller, [desk.account_id], "month", benchmark="")
    await go_to(desk, date(2021, 4, 2))

    async def fails(*_: object) -> bytes:
        raise Unavailable("The typesetter is away.")

    with monkeypatch.context() as patch:
        patch.setattr(reports, "pdf_of", fails)
        assert await mail_reports(desk.b) == "0 reports mailed of 1 schedules"
    [waiting] = await list_schedules(desk.b, desk.caller)
    assert "tried again in an hour: The typesetter is away." in waiting.words
    assert waiting.done_until == date(2021, 2, 28)
    with monkeypatch.context() as patch:
        patch.setattr(reports.queries, "PUT_ATTACHMENT", "INSERT INTO no_such_table VALUES (1)")
        with pytest.raises(Exception, match="no_such_table"):
            await mail_reports(desk.b)
    assert await outbox(desk) == []
    assert await mail_reports(desk.b) == "1 reports mailed of 1 schedules"
    [done] = await list_schedules(desk.b, desk.caller)
    assert done.words == ""


async def test_without_a_mail_server_every_period_waits_and_the_newest_comes(desk: Desk, box: Mailbox) -> None:
    await go_to(desk, date(2021, 3, 1))
    await make_schedule(desk.b, desk.caller, [desk.account_id], "week", benchmark="")
    await go_to(desk, date(2021, 3, 22))
    assert await mail_reports(desk.b) == "no mail server is set up: 1 schedules wait"
    assert await outbox(desk) == []
    await connect_mail(desk.b, box)
    assert await mail_reports(desk.b) == "1 reports mailed of 1 schedules"
    assert [subject for _, subject, _ in await outbox(desk)] == ["Practice, Week 11, 2021"]


async def test_a_fast_replay_mails_once_a_day_at_most(desk: Desk, box: Mailbox) -> None:
    await connect_mail(desk.b, box)
    await go_to(desk, date(2021, 3, 1))
    await make_schedule(desk.b, desk.caller, [desk.account_id], "week", benchmark="")
    posted = 0
    for week in range(1, 6):
        await go_to(desk, date(2021, 3, 1) + timedelta(weeks=week))
        posted += int((await mail_reports(desk.b))[0])
    assert posted == 1
    await rest(desk)
    assert (await mail_reports(desk.b))[0] == "1"


async def test_years_end_and_leap_days_are_the_calendars(desk: Desk, box: Mailbox) -> None:
    await connect_mail(desk.b, box)
    await go_to(desk, date(2021, 12, 30))
    for every in ("year", "quarter", "month"):
        await make_schedule(desk.b, desk.caller, [desk.account_id], every, benchmark="")
    # New York still has New Year's Eve at that hour of UTC.
    await desk.tell(clock=clock_on(date(2022, 1, 1), 3))
    assert (await mail_reports(desk.b))[0] == "0"
    await go_to(desk, date(2022, 1, 1))
    assert (await mail_reports(desk.b))[0] == "3"
    subjects = {subject for _, subject, _ in await outbox(desk)}
    assert subjects == {"Practice, 2021", "Practice, Quarter 4, 2021", "Practice, December 2021"}


async def test_what_is_stopped_or_not_seen_any_more_mails_nothing(desk: Desk, box: Mailbox) -> None:
    await connect_mail(desk.b, box)
    await go_to(desk, date(2021, 3, 1))
    stopped = await make_schedule(desk.b, desk.caller, [desk.account_id], "month")
    await stop_schedule(desk.b, desk.caller, stopped.id)
    kept = await make_schedule(desk.b, desk.caller, [desk.account_id], "month")
    stranger = await desk.person()
    await desk.b.db.run("UPDATE account SET user_id = %s WHERE id = %s", (stranger.caller.user_id, desk.account_id))
    await go_to(desk, date(2021, 4, 1))
    assert await mail_reports(desk.b) == "0 reports mailed of 1 schedules"
    [listed] = await list_schedules(desk.b, desk.caller)
    assert listed.id == kept.id
    assert "not shared with you any more" in listed.words
    await desk.b.db.run("UPDATE app_user SET disabled_at = now() WHERE id = %s", (desk.caller.user_id,))
    assert await mail_reports(desk.b) == "0 reports mailed of 0 schedules"


async def test_percentages_only_are_so_in_the_mail_as_well(desk: Desk, box: Mailbox) -> None:
    await connect_mail(desk.b, box)
    await go_to(desk, date(2021, 3, 1))
    await make_schedule(desk.b, desk.caller, [desk.account_id], "month", benchmark="", amounts=False)
    await go_to(desk, date(2021, 4, 1))
    await mail_reports(desk.b)
    body = await desk.b.db.value("SELECT body FROM mail_outbox")
    assert "100,000" not in body
    assert "time-weighted return" in body


async def test_a_pdf_too_large_for_a_mail_is_said_instead(
    desk: Desk, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_ATTACHED_BYTES", 10)
    await connect_mail(desk.b, box)
    await go_to(desk, date(2021, 3, 1))
    await make_schedule(desk.b, desk.caller, [desk.account_id], "month", benchmark="")
    await go_to(desk, date(2021, 4, 1))
    await mail_reports(desk.b)
    assert await deliver(desk.b) == 1
    assert list(box.mails[0].iter_attachments()) == []
    assert "too large for a mail" in box.mails[0].get_content()
