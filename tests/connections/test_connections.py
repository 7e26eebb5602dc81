"""Vendors' keys through the service and over REST: written once, masked for ever, tested against a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.mail import KIND, can_mail, send_mail
from starkmatter.accounts.vault import open_secret
from starkmatter.backends import Backends
from starkmatter.connections.catalog import CATALOG
from starkmatter.connections.service import (
    forget_connection,
    list_connections,
    save_connection,
)
from starkmatter.connections.service import (
    test_connection as run_test,
)
from starkmatter.db.database import Database
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import InvalidInput, NotAllowed, NotFound
from starkmatter.jobs.schedule import timetable
from starkmatter.settings import load_settings
from tests.builders import make_caller
from tests.standins.smtp import PASSWORD, USER, Mailbox, mail_server


@pytest.fixture
async def b(database: Database, cache: Redis, tmp_path: Path) -> Backends:
    return Backends(load_settings({"STARKMATTER_HOME": str(tmp_path)}), database, cache)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as started:
        yield started


def fields(box: Mailbox, **changes: str) -> dict[str, str]:
    return {
        "host": "127.0.0.1",
        "port": str(box.port),
        "security": "none",
        "user": USER,
        "password": PASSWORD,
        "sender": "desk@example.org",
    } | changes


async def test_a_mail_server_is_connected_tested_used_and_forgotten(b: Backends, box: Mailbox) -> None:
    admin = await make_caller(b.db, "admin")
    assert not await can_mail(b)
    result = await save_connection(b, admin, KIND, fields(box))
    assert result.ok, result.text
    shown = {one.kind: one for one in await list_connections(b, admin)}[KIND]
    assert (shown.connected, shown.tested_ok, shown.hints["password"]) == (True, True, "…d-77")
    assert PASSWORD not in repr(shown)
    await send_mail(b, "ada@example.org", "Alert:\n AAPL", "AAPL is above 150.\n")
    [mail] = box.mails
    assert (mail["To"], mail["Subject"], mail["From"]) == ("ada@example.org", "Alert: AAPL", "desk@example.org")
    assert mail.get_content().split() == ["AAPL", "is", "above", "150."]
    await forget_connection(b, admin, KIND)
    with pytest.raises(NotFound):
        await send_mail(b, "ada@example.org", "x", "y")


async def test_an_empty_secret_keeps_the_former_one(b: Backends, box: Mailbox) -> None:
    admin = await make_caller(b.db, "admin")
    await save_connection(b, admin, KIND, fields(box))
    result = await save_connection(b, admin, KIND, fields(box, password="", sender="new@example.org"))
    assert result.ok
    kept = await open_secret(b, KIND)
    assert kept is not None
    assert (kept["password"], kept["sender"]) == (PASSWORD, "new@example.org")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong-password-00"}, "does not accept"),
        ({"port": "1"}, "cannot be reached"),
        ({"port": "mail"}, "a number"),
        ({"sender": "nobody"}, "an address"),
        ({"host": "mail.example.org"}, "Without encryption"),
    ],
)
async def test_a_test_that_fails_says_why_and_keeps_what_was_entered(
    b: Backends, box: Mailbox, change: dict[str, str], said: str
) -> None:
    admin = await make_caller(b.db, "admin")
    result = await save_connection(b, admin, KIND, fields(box, **change))
    assert not result.ok
    assert said in result.text
    assert PASSWORD not in result.text
    assert await can_mail(b)


@pytest.mark.parametrize(
    "change", [{"host": ""}, {"security": "maybe"}, {"colour": "red"}, {"host": "x" * 600}, {"host": "a\nb"}]
)
async def test_what_cannot_be_kept_is_refused_and_changes_nothing(
    b: Backends, box: Mailbox, change: dict[str, str]
) -> None:
    admin = await make_caller(b.db, "admin")
    with pytest.raises(InvalidInput):
        await save_connection(b, admin, KIND, fields(box, **change))
    assert not await can_mail(b)


async def test_a_server_that_refuses_the_mail_is_a_failure_in_words(b: Backends, box: Mailbox) -> None:
    await save_connection(b, await make_caller(b.db, "admin"), KIND, fields(box))
    box.refuse_with = "554 no"
    with pytest.raises(VendorFailure):
        await send_mail(b, "ada@example.org", "x", "y")


async def test_the_installations_keys_are_for_admins(b: Backends, box: Mailbox) -> None:
    for role in ("trader", "viewer"):
        caller = await make_caller(b.db, role)
        assert KIND not in {one.kind for one in await list_connections(b, caller)}
        for call in (
            save_connection(b, caller, KIND, fields(box)),
            run_test(b, caller, KIND),
            forget_connection(b, caller, KIND),
        ):
            with pytest.raises(NotAllowed):
                await call


async def test_an_unknown_vendor_is_not_found(b: Backends) -> None:
    admin = await make_caller(b.db, "admin")
    with pytest.raises(NotFound):
        await save_connection(b, admin, "bank", {})
    with pytest.raises(NotFound):
        await run_test(b, admin, KIND)


def test_every_vendor_says_in_a_sentence_what_it_adds() -> None:
    assert len({one.kind for one in CATALOG}) == len(CATALOG)
    for one in CATALOG:
        assert one.adds.endswith(".")
        assert one.fields
        # One's own TWS has no keys: only a place.
        assert any(field.secret for field in one.fields) or one.kind == "ib"


def test_what_a_connection_begins_is_a_job_of_the_timetable() -> None:
    jobs = {job.name for job in timetable()}
    begun = {kind.begins for kind in CATALOG if kind.begins}
    assert begun
    assert begun <= jobs
    assert all(kind.scope == "installation" for kind in CATALOG if kind.begins), "only admins ask for jobs"
