"""Signing in at a broker that wants more than keys: begun, finished once, sealed, ended, and never shown."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import open_secret
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.connections import service
from starkmatter.connections.catalog import BY_KIND
from starkmatter.connections.service import (
    ConnectionView,
    begin_sign_in,
    finish_sign_in,
    forget_connection,
    list_connections,
    save_connection,
)
from starkmatter.connections.service import test_connection as run_test
from starkmatter.db.database import Database
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import InvalidInput, NotAllowed, NotFound
from starkmatter.settings import load_settings
from tests.builders import make_caller
from tests.standins import etrade as etrade_standin
from tests.standins import schwab as schwab_standin


@dataclass(frozen=True)
class Kind:
    """A broker with a sign-in. `answer` is what its page gives to somebody who went to that address."""

    name: str
    opened: Callable[[], AbstractContextManager[Any]]
    keys: dict[str, str]
    secret: str
    answer: Callable[[str], str]
    bad: dict[str, str]
    lasts: timedelta


def schwabs_answer(url: str) -> str:
    asked = parse_qs(urlsplit(url).query)
    assert (asked["client_id"], asked["redirect_uri"]) == ([schwab_standin.KEY], [schwab_standin.CALLBACK])
    back = {"code": schwab_standin.CODE, "session": "x", "state": asked["state"][0]}
    return f"{schwab_standin.CALLBACK}/?{urlencode(back)}"


def etrades_answer(url: str) -> str:
    asked = parse_qs(urlsplit(url).query)
    assert asked["key"] == [etrade_standin.KEY]
    assert asked["token"][0].startswith("request-")
    return etrade_standin.CODE


KINDS = {
    "schwab": Kind(
        "schwab",
        schwab_standin.schwab,
        schwab_standin.KEYS,
        schwab_standin.REFRESH,
        schwabs_answer,
        {
            "https://127.0.0.1/": "has a code in it",
            "https://127.0.0.1/?code=x&state=other": "another sign-in",
            "nonsense": "has a code in it",
        },
        timedelta(days=7),
    ),
    "etrade": Kind(
        "etrade",
        etrade_standin.etrade,
        etrade_standin.KEYS,
        etrade_standin.TOKEN,
        etrades_answer,
        {"WRONG": "good once, for five minutes", "a code!": "not a code"},
        timedelta(days=1, hours=1),
    ),
}


@dataclass
class Seat:
    b: Backends
    caller: Caller
    there: Any
    kind: Kind

    async def view(self) -> ConnectionView:
        return {one.kind: one for one in await list_connections(self.b, self.caller)}[self.kind.name]

    async def save(self, **changes: str) -> service.TestResult:
        return await save_connection(self.b, self.caller, self.kind.name, self.kind.keys | changes)

    async def sign_in(self) -> service.TestResult:
        url = await begin_sign_in(self.b, self.caller, self.kind.name)
        return await finish_sign_in(self.b, self.caller, self.kind.name, self.kind.answer(url))


@pytest.fixture(params=KINDS)
async def seat(request: pytest.FixtureRequest, database: Database, cache: Redis, tmp_path: Path) -> AsyncIterator[Seat]:
    kind = KINDS[request.param]
    with kind.opened() as there:
        there.end_sign_in()
        settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": there.urls})
        yield Seat(Backends(settings, database, cache), await make_caller(database, "trader"), there, kind)


async def test_keys_then_a_sign_in_and_the_account_is_seen(seat: Seat) -> None:
    first = await seat.save()
    assert first.ok
    assert "Now sign in" in first.text
    early = await run_test(seat.b, seat.caller, seat.kind.name)
    assert not early.ok
    assert "Now sign in" in early.text
    view = await seat.view()
    assert view.sign_in is not None
    assert (view.connected, view.sign_in.state, view.sign_in.until) == (True, "none", None)
    told = await seat.sign_in()
    assert told.ok, told.text
    assert "100,000.00 USD" in told.text
    assert seat.there.number not in told.text
    view = await seat.view()
    assert view.sign_in is not None
    assert view.sign_in.until is not None
    assert view.sign_in.state == "signed_in"
    assert timedelta(0) < view.sign_in.until - utc_now() <= seat.kind.lasts
    assert view.hints.keys() <= {field.name for field in BY_KIND[seat.kind.name].fields}
    kept = await open_secret(seat.b, seat.kind.name, seat.caller.user_id)
    assert kept is not None
    assert seat.kind.secret in kept.values()
    assert seat.kind.secret not in repr(view)


async def test_what_is_brought_back_is_good_once_and_for_its_own_sign_in(seat: Seat) -> None:
    await seat.save()
    with pytest.raises(InvalidInput, match="begin it first"):
        await finish_sign_in(seat.b, seat.caller, seat.kind.name, "anything")
    for bad, words in seat.kind.bad.items():
        await begin_sign_in(seat.b, seat.caller, seat.kind.name)
        with pytest.raises(InvalidInput, match=words):
            await finish_sign_in(seat.b, seat.caller, seat.kind.name, bad)
    url = await begin_sign_in(seat.b, seat.caller, seat.kind.name)
    assert (await finish_sign_in(seat.b, seat.caller, seat.kind.name, seat.kind.answer(url))).ok
    with pytest.raises(InvalidInput, match="begin it first"):
        await finish_sign_in(seat.b, seat.caller, seat.kind.name, seat.kind.answer(url))


async def test_a_sign_in_that_took_too_long_or_whose_keys_changed_is_begun_again(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seat.save()
    url = await begin_sign_in(seat.b, seat.caller, seat.kind.name)
    monkeypatch.setattr(service, "SIGN_IN_WITHIN", timedelta(0))
    with pytest.raises(InvalidInput, match="begin again"):
        await finish_sign_in(seat.b, seat.caller, seat.kind.name, seat.kind.answer(url))
    monkeypatch.undo()
    url = await begin_sign_in(seat.b, seat.caller, seat.kind.name)
    await seat.save(secret="another-secret-000001")
    with pytest.raises(InvalidInput, match="begin again"):
        await finish_sign_in(seat.b, seat.caller, seat.kind.name, seat.kind.answer(url))


async def test_saving_the_same_keys_keeps_the_sign_in_and_other_keys_end_it(seat: Seat) -> None:
    await seat.save()
    await seat.sign_in()
    assert (await seat.save(secret="", account="1234")).ok
    changed = await seat.save(secret="another-secret-000001")
    assert "Now sign in" in changed.text
    view = await seat.view()
    assert view.sign_in is not None
    assert view.sign_in.state == "none"


async def test_a_sign_in_that_has_ended_says_what_to_do(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    await seat.save()
    await seat.sign_in()
    seat.there.end_sign_in()
    told = await run_test(seat.b, seat.caller, seat.kind.name)
    assert not told.ok
    assert "sign in again" in told.text
    monkeypatch.setattr(service, "utc_now", lambda: utc_now() + timedelta(days=8))
    view = await seat.view()
    assert view.sign_in is not None
    assert view.sign_in.state == "ended"


async def test_only_the_person_signs_in_and_forgetting_takes_all_of_it_away(seat: Seat) -> None:
    name = seat.kind.name
    with pytest.raises(NotFound, match="enter its keys first"):
        await begin_sign_in(seat.b, seat.caller, name)
    await seat.save()
    url = await begin_sign_in(seat.b, seat.caller, name)
    other, viewer = await make_caller(seat.b.db, "trader"), await make_caller(seat.b.db, "viewer")
    with pytest.raises(NotFound):
        await finish_sign_in(seat.b, other, name, seat.kind.answer(url))
    with pytest.raises(NotAllowed):
        await begin_sign_in(seat.b, viewer, name)
    with pytest.raises(InvalidInput, match="needs no sign-in"):
        await begin_sign_in(seat.b, seat.caller, "alpaca")
    await forget_connection(seat.b, seat.caller, name)
    left = await seat.b.db.value("SELECT count(*) FROM vault_secret WHERE owner_id = %s", (seat.caller.user_id,))
    assert left == 0


async def test_no_account_is_guessed_where_there_are_several(seat: Seat) -> None:
    seat.there.more_accounts = ("84005678",)
    await seat.save()
    told = await seat.sign_in()
    assert not told.ok
    assert "…1234, …5678" in told.text
    assert (await seat.save(secret="", account="1234")).ok
    with pytest.raises(InvalidInput, match="last digits"):
        await seat.save(secret="", account="my own")


async def test_what_was_entered_or_given_is_in_no_failure(seat: Seat) -> None:
    told = await seat.save(secret="another-secret-000001")
    assert "another-secret" not in told.text
    with pytest.raises(VendorFailure, match="does not accept the") as failure:
        await seat.sign_in()
    assert (failure.value.kind, "another-secret" in failure.value.text) == ("refused", False)
