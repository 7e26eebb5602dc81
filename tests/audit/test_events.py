"""Every event of security and money is in the log: who, what, from where; and nothing secret is."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pyotp
import pytest
from redis.asyncio import Redis

from starkmatter.accounts import factor, people, reset, setup
from starkmatter.accounts.audit.reading import check_log, list_events
from starkmatter.accounts.audit.records import AuditView
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import revoke_other_sessions, revoke_session
from starkmatter.accounts.setup import Newcomer, register_invited, register_owner
from starkmatter.accounts.sign_in import sign_in
from starkmatter.accounts.throttle import FREE_TRIES
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.connections import service as connections
from starkmatter.db.database import Database
from starkmatter.errors import NotSignedIn, StarkMatterError, TooMany
from starkmatter.jobs.history import ask_for_run
from starkmatter.portfolio.opening import deposit, open_account
from starkmatter.portfolio.runs import close_former_runs
from starkmatter.trading.audit.journals import carry_over
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.freeze import freeze_account
from starkmatter.trading.steering import steer
from starkmatter.trading.submit import submit_order
from tests.accounts.conftest import PASSPHRASE, make_person
from tests.builders import ALL_READ, OPENS_AT, Desk, make_desk, order
from tests.standins.smtp import PASSWORD, USER, mail_server

IP = "203.0.113.7"
NEW = "granite owls debate quietly"
SMTP = {"host": "127.0.0.1", "security": "none", "user": USER, "password": PASSWORD, "sender": "desk@example.org"}
READER = Caller(uuid4(), uuid4(), "owner", "", "")
SECRETS: dict[UUID, str] = {}


async def events(b: Backends) -> list[AuditView]:
    """All of them, the oldest first."""
    return (await list_events(b, READER, limit=500))[::-1]


async def owner_of(b: Backends) -> Caller:
    return replace(await make_person(b, "owner"), ip=IP)


async def code_of(b: Backends, caller: Caller, steps: int) -> str:
    """A code of a step that was not used yet."""
    secret = SECRETS[caller.user_id]
    return pyotp.TOTP(secret).at(utc_now() + timedelta(seconds=30 * steps))


async def with_factor(b: Backends, caller: Caller) -> list[str]:
    given = await factor.enroll(b, caller)
    SECRETS[caller.user_id] = given.secret
    return await factor.confirm(b, caller, pyotp.TOTP(given.secret).at(utc_now() - timedelta(seconds=30)))


async def _enter(b: Backends, caller: Caller, words: str = PASSPHRASE, totp: str | None = None) -> Caller:
    return (await sign_in(b, caller.email, words, totp=totp, ip=IP, user_agent="Firefox/150")).caller


async def _refused(work: Awaitable[object]) -> None:
    with pytest.raises(StarkMatterError):
        await work


# Each: what an owner does, and the newest events it leaves.
Act = Callable[[Backends, Caller], Awaitable[object]]


async def _signs_in(b: Backends, owner: Caller) -> None:
    await _enter(b, owner)


async def _mistypes(b: Backends, owner: Caller) -> None:
    await _refused(_enter(b, owner, "wrong-canary-passphrase"))


async def _signs_out(b: Backends, owner: Caller) -> None:
    here = await _enter(b, owner)
    await revoke_session(b, here, here.session_id)


async def _ends_others(b: Backends, owner: Caller) -> None:
    await _enter(b, owner)
    await revoke_other_sessions(b, await _enter(b, owner))


async def _changes_passphrase(b: Backends, owner: Caller) -> None:
    await reset.change_passphrase(b, owner, PASSPHRASE, NEW, None)


async def _proves_wrongly(b: Backends, owner: Caller) -> None:
    await _refused(reset.change_passphrase(b, owner, "wrong-canary-passphrase", NEW, None))


async def _helps_in(b: Backends, owner: Caller) -> None:
    eve = await make_person(b)
    _, link = await reset.make_link(b, owner, eve.user_id)
    await reset.reset_passphrase(b, link.rpartition("=")[2], NEW, ip=IP)


async def _turns_factor_on(b: Backends, owner: Caller) -> None:
    await with_factor(b, owner)


async def _uses_recovery_code(b: Backends, owner: Caller) -> None:
    codes = await with_factor(b, owner)
    await _refused(_enter(b, owner))
    await _refused(_enter(b, owner, totp="AAAA-BBBB-CCCC"))
    await _enter(b, owner, totp=codes[0])


async def _renews_codes(b: Backends, owner: Caller) -> None:
    await with_factor(b, owner)
    await factor.renew_recovery_codes(b, owner)


async def _turns_factor_off(b: Backends, owner: Caller) -> None:
    await with_factor(b, owner)
    await factor.turn_off(b, owner)


async def _promotes(b: Backends, owner: Caller) -> None:
    await people.change_role(b, owner, (await make_person(b, "viewer")).user_id, "trader")


async def _keeps_out(b: Backends, owner: Caller) -> None:
    eve = await make_person(b)
    await people.disable_person(b, owner, eve.user_id, disabled=True)
    await people.disable_person(b, owner, eve.user_id, disabled=False)


async def _invites(b: Backends, owner: Caller) -> None:
    link = await people.invite(b, owner, "trader")
    newcomer = Newcomer("eve@example.org", PASSPHRASE, "Eve")
    await register_invited(b, newcomer, link.rpartition("=")[2], ip=IP, user_agent="test")


async def _connects(b: Backends, owner: Caller) -> None:
    with mail_server() as box:
        await connections.save_connection(b, owner, "smtp", SMTP | {"port": str(box.port)})
    await connections.forget_connection(b, owner, "smtp")


async def _changes_budget(b: Backends, owner: Caller) -> None:
    key = {"key": "sk-ant-canary-key-0f3a"}
    await connections.save_connection(b, owner, "claude", key)
    await connections.save_connection(b, owner, "claude", {"budget_usd": "55"})


async def _asks_for_job(b: Backends, owner: Caller) -> None:
    await ask_for_run(b, owner, "audit books")


async def _steers(b: Backends, owner: Caller) -> None:
    await steer(b, owner, speed=60, seed=7)


async def _opens_account(b: Backends, owner: Caller) -> None:
    account = await open_account(b, owner, name="Second", venue="market", cash=Decimal("500"))
    await deposit(b, owner, account.id, Decimal("10.50"))
    await deposit(b, owner, account.id, Decimal("-3"))


async def _freezes(b: Backends, owner: Caller) -> None:
    account = await open_account(b, owner, name="Second", venue="market")
    await freeze_account(b.db, account.id, "Its books do not add up.")
    await freeze_account(b.db, account.id, "Still not.")


CASES: dict[str, tuple[Act, list[str]]] = {
    "a sign-in": (_signs_in, ["session.opened"]),
    "a wrong passphrase": (_mistypes, ["session.refused"]),
    "a sign-out": (_signs_out, ["session.opened", "session.ended"]),
    "ending others": (_ends_others, ["session.opened", "session.opened", "session.others_ended"]),
    "a new passphrase": (_changes_passphrase, ["passphrase.changed"]),
    "a wrong proof": (_proves_wrongly, ["proof.refused"]),
    "a reset link": (_helps_in, ["passphrase.link_made", "passphrase.reset"]),
    "a second factor": (_turns_factor_on, ["factor.turned_on"]),
    "a recovery code": (
        _uses_recovery_code,
        [
            "factor.turned_on",
            "session.code_asked",
            "session.refused",
            "factor.recovery_code_used",
            "session.opened",
        ],
    ),
    "new recovery codes": (_renews_codes, ["factor.turned_on", "factor.codes_renewed"]),
    "no second factor": (_turns_factor_off, ["factor.turned_on", "factor.turned_off"]),
    "a role": (_promotes, ["person.role_changed"]),
    "kept out and let in": (_keeps_out, ["person.kept_out", "person.let_in"]),
    "an invitation": (_invites, ["invitation.made", "person.registered", "session.opened"]),
    "a mail server": (_connects, ["connection.saved", "connection.tested", "connection.forgotten"]),
    "a budget": (_changes_budget, ["connection.saved", "connection.tested"] * 2),
    "a job": (_asks_for_job, ["job.asked"]),
    "the replay": (_steers, ["replay.steered"]),
    "an account and cash": (_opens_account, ["account.opened", "cash.deposited", "cash.withdrawn"]),
    "a freeze, once": (_freezes, ["account.opened", "account.frozen"]),
}
SYSTEMS = {"account.frozen"}


@pytest.mark.parametrize("case", CASES)
async def test_it_is_in_the_log_with_who_and_from_where_and_no_secret(b: Backends, case: str) -> None:
    act, expected = CASES[case]
    owner = await owner_of(b)
    await act(b, owner)
    found = await events(b)
    assert [one.action for one in found] == expected
    assert {one.ip for one in found if one.action not in SYSTEMS} == ({IP} if set(expected) - SYSTEMS else set())
    assert (await check_log(b.db, [])).whole
    text = repr(found).casefold()
    secrets = {PASSPHRASE, NEW, PASSWORD, "canary", *SECRETS.values()}
    assert [one for one in secrets if one.casefold() in text] == []
    assert not re.search(r"argon2|token=|invite=", text)


async def test_a_role_before_and_after(b: Backends) -> None:
    owner, eve = await owner_of(b), await make_person(b, "viewer")
    await people.change_role(b, owner, eve.user_id, "trader")
    (one,) = await events(b)
    assert (one.actor_id, one.actor_name, one.via) == (owner.user_id, "Test", "session")
    assert (one.subject_type, one.subject_id) == ("person", str(eve.user_id))
    assert (one.before, one.after) == ({"role": "viewer"}, {"role": "trader"})


async def test_what_changed_of_a_connection_is_told_without_its_keys(b: Backends) -> None:
    owner = await owner_of(b)
    await _changes_budget(b, owner)
    saved = [one for one in await events(b) if one.action == "connection.saved"]
    assert saved[0].before is None
    assert saved[0].after is not None
    assert saved[0].after["renewed"] == ["key"]
    assert (saved[1].before or {})["budget_usd"] == "20"
    assert (saved[1].after or {})["budget_usd"] == "55"
    assert (saved[1].after or {})["renewed"] == []


async def test_the_set_up_link_and_the_owner_it_makes(database_url: str, b: Backends) -> None:
    link = setup.issue_setup_link(b.settings, database_url)
    assert link is not None
    newcomer = Newcomer("ada@example.org", PASSPHRASE, "Ada")
    await register_owner(b, newcomer, link.rpartition("=")[2], ip=IP, user_agent="test")
    found = await events(b)
    assert [(one.action, one.via) for one in found] == [
        ("setup.link_made", "command"),
        ("person.registered", "visitor"),
        ("session.opened", "session"),
    ]
    assert found[1].after == {"role": "owner"}


async def test_a_change_that_fails_leaves_no_event(b: Backends) -> None:
    owner = await owner_of(b)
    await _refused(people.change_role(b, owner, owner.user_id, "trader"))
    account = await open_account(b, owner, name="Second", venue="market", cash=Decimal("500"))
    await _refused(deposit(b, owner, account.id, Decimal("-501")))
    assert [one.action for one in await events(b)] == ["account.opened"]


async def test_a_flood_of_guesses_is_told_of_once_a_pause(b: Backends) -> None:
    """What reached the hash is there each time; a pause once, however often somebody runs into it."""
    caller = await make_person(b)
    for _ in range(FREE_TRIES):
        with pytest.raises(NotSignedIn):
            await _enter(b, caller, "wrong-canary-passphrase")
    for _ in range(20):
        with pytest.raises(TooMany):
            await _enter(b, caller, "wrong-canary-passphrase")
    found = await events(b)
    assert [one.action for one in found] == ["session.refused"] * (FREE_TRIES + 1)
    assert [(one.after or {})["why"] for one in found] == ["wrong passphrase"] * FREE_TRIES + ["too many tries"]


async def test_what_somebody_typed_for_an_address_is_not_kept(b: Backends) -> None:
    for typed in ("my-canary-passphrase", "my-canary-passphrase"):
        with pytest.raises(NotSignedIn):
            await sign_in(b, typed, "x", ip=IP, user_agent="test")
    found = await events(b)
    assert "canary" not in repr(found)
    assert len({one.subject_id for one in found}) == 1, "the same address is recognized"
    assert {(one.subject_type, one.actor_id) for one in found} == {("address", None)}


# --- orders and money -------------------------------------------------------------------------------------------------


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    return await make_desk(database, cache)


async def test_an_order_its_fill_and_the_cash_are_there_once(desk: Desk) -> None:
    caller = replace(desk.caller, ip=IP, via="token")
    bought = await submit_order(
        desk.b, caller, desk.account_id, order("buy 10 AAPL"), "key-00000001", acknowledged=ALL_READ
    )
    refused = await submit_order(
        desk.b, caller, desk.account_id, order("buy 9999999 AAPL"), "key-00000002", acknowledged=ALL_READ
    )
    resting = await submit_order(
        desk.b, caller, desk.account_id, order("buy 1 AAPL @ 50"), "key-00000003", acknowledged=ALL_READ
    )
    await desk.broker.drain()
    await deposit(desk.b, caller, desk.account_id, Decimal("25"))
    await cancel_order(desk.b, caller, resting.id)
    await desk.broker.drain()
    assert await carry_over(desk.b) > 0
    assert await carry_over(desk.b) == 0
    assert await carry_over(desk.b, timedelta(days=1)) == 0
    found = await events(desk.b)
    by_order = {str(one): [e for e in found if e.subject_id == str(one)] for one in (bought.id, refused.id, resting.id)}
    assert [e.action for e in by_order[str(bought.id)]] == ["order.submitted", "order.filled"]
    assert [e.action for e in by_order[str(refused.id)]] == ["order.refused"]
    assert sorted(e.action for e in by_order[str(resting.id)]) == [
        "order.cancel_asked",
        "order.canceled",
        "order.submitted",
    ]
    first = by_order[str(bought.id)][0]
    assert (first.actor_id, first.ip, first.via) == (caller.user_id, IP, "token")
    assert first.after is not None
    assert (first.after["symbol"], first.after["qty"], first.after["account"]) == ("AAPL", "10", str(desk.account_id))
    asked = next(e for e in found if e.action == "order.cancel_asked")
    assert (asked.ip, asked.before) == (IP, {"status": "working"})
    cash = [(e.action, (e.after or {})["cash"], e.ip) for e in found if e.action.startswith("cash.")]
    assert sorted(cash) == [("cash.deposited", "100000", ""), ("cash.deposited", "25", IP)]
    assert (await check_log(desk.b.db, [])).whole


async def test_a_commit_that_comes_late_is_not_missed(desk: Desk) -> None:
    """An order booked before the position was reached, seen only after it."""
    await carry_over(desk.b)
    async with desk.b.db.transaction() as connection:
        await connection.execute(
            "INSERT INTO ledger_entry (account_id, kind, description, venue_at, booked_at, accounts, commodities,"
            " amounts) VALUES (%s, 'fee', 'Late', now(), %s, '{a,b}', '{USD,USD}', '{1,-1}')",
            (desk.account_id, utc_now() - timedelta(seconds=10)),
        )
        assert await carry_over(desk.b) == 0
        await deposit(desk.b, desk.caller, desk.account_id, Decimal("1"))
    assert await carry_over(desk.b) == 1
    assert (await events(desk.b))[-1].action == "cash.fee"


async def test_two_workers_that_carry_over_at_once_bring_each_once(desk: Desk) -> None:
    for number in range(30):
        await submit_order(
            desk.b, desk.caller, desk.account_id, order("buy 1 AAPL"), f"key-0000{number:04}", acknowledged=ALL_READ
        )
    await desk.broker.drain()
    await asyncio.gather(*(carry_over(desk.b) for _ in range(4)))
    actions = [one.action for one in await events(desk.b)]
    assert (actions.count("order.submitted"), actions.count("order.filled")) == (30, 30)
    verdict = await check_log(desk.b.db, [])
    assert verdict.whole


async def test_a_new_run_closes_accounts_and_says_so(desk: Desk) -> None:
    await close_former_runs(desk.b.db, 2, OPENS_AT)
    await carry_over(desk.b)
    found = await events(desk.b)
    opened = [(one.after or {})["owner"] for one in found if one.action == "account.opened"]
    assert opened == [str(desk.caller.user_id)] * 2
