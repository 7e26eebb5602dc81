"""What every way to reach a person must do, against its stand-in. A new one adds one entry to `NOTIFIERS`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis

from starkmatter.alerts.notifiers.smtp import SmtpNotifier
from starkmatter.alerts.ports import Notifier
from starkmatter.backends import Backends
from starkmatter.db.database import Database
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import NotFound
from starkmatter.settings import load_settings
from tests.alerts.test_alerts import connect_mail
from tests.standins.smtp import PASSWORD, Mailbox, mail_server


@dataclass
class Way:
    notifier: Notifier
    box: Mailbox


@contextmanager
def by_smtp() -> Iterator[Way]:
    with mail_server() as box:
        yield Way(SmtpNotifier(), box)


NOTIFIERS: dict[str, Callable[[], AbstractContextManager[Way]]] = {"smtp": by_smtp}


@pytest.fixture(params=NOTIFIERS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    with NOTIFIERS[request.param]() as opened:
        yield opened


@pytest.fixture
def b(database: Database, cache: Redis, tmp_path: Path) -> Backends:
    return Backends(load_settings({"STARKMATTER_HOME": str(tmp_path)}), database, cache)


async def test_one_that_is_not_connected_says_so_and_sends_nothing(b: Backends, way: Way) -> None:
    assert not await way.notifier.is_ready(b)
    with pytest.raises(NotFound):
        await way.notifier.send(b, "ada@example.org", "Subject", "Text")
    assert way.box.mails == []


async def test_a_message_arrives_with_its_subject_and_text(b: Backends, way: Way) -> None:
    await connect_mail(b, way.box)
    assert await way.notifier.is_ready(b)
    await way.notifier.send(b, "ada@example.org", "Two\nlines", "Text with ü\n")
    [mail] = way.box.mails
    assert (mail["Subject"], mail.get_content().strip()) == ("Two lines", "Text with ü")


@pytest.mark.parametrize("answer", ["554 no", "451 later", "garbage"])
async def test_a_message_that_is_not_taken_is_a_failure_in_words(b: Backends, way: Way, answer: str) -> None:
    await connect_mail(b, way.box)
    way.box.refuse_with = answer
    with pytest.raises(VendorFailure) as failure:
        await way.notifier.send(b, "ada@example.org", "Subject", "Text")
    assert PASSWORD not in failure.value.text


async def test_a_server_that_is_away_is_a_failure_in_words(b: Backends, way: Way) -> None:
    await connect_mail(b, Mailbox(port=1))
    with pytest.raises(VendorFailure) as failure:
        await way.notifier.send(b, "ada@example.org", "Subject", "Text")
    assert failure.value.kind == "unreachable"
