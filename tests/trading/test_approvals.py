"""Proposed orders: confirmed by somebody else or with a fresh proof, as they were seen, once, and only then ordered."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.records import Caller
from starkmatter.accounts.sessions import open_session
from starkmatter.accounts.sharing.service import share_account
from starkmatter.accounts.step_up import StepUpNeeded
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading.approvals import service
from starkmatter.trading.approvals.records import ApprovalView
from starkmatter.trading.approvals.service import (
    confirm,
    count_waiting,
    decline,
    get_approval,
    list_approvals,
    order_confirmed,
    propose,
    set_drift,
)
from starkmatter.trading.guarding.cautions import Unacknowledged
from starkmatter.trading.orders import list_orders
from starkmatter.trading.submit import submit_order
from tests.builders import Desk, make_desk, order, quote

AGED = "UPDATE approval SET expires_at = expires_at - %(age)s, valid_until = valid_until - %(age)s"
REFUSED = "SELECT after->>'why' FROM audit_event WHERE action = 'approval.refused' ORDER BY sequence"


@dataclass
class House:
    """Alice owns the account, Carol trades on it, Vic looks at it, Dan is nobody to it."""

    desk: Desk
    alice: Caller
    carol: Caller
    vic: Caller
    dan: Caller

    async def proposal(self, text: str = "buy 10 AAPL", by: Caller | None = None) -> ApprovalView:
        reasons = {"thesis": "It is cheap.", "invalidation": "It closes below 90."}
        return await propose(self.desk.b, by or self.vic, self.desk.account_id, order(text), **reasons)

    async def orders(self) -> int:
        return len(await list_orders(self.desk.b, self.alice))


async def session_of(desk: Desk, caller: Caller, *, minutes_ago: int = 0) -> Caller:
    found, _ = await open_session(
        desk.b, caller.user_id, caller.role, caller.email, caller.display_name, ip="test", user_agent="test"
    )
    age = timedelta(minutes=minutes_ago)
    await desk.b.db.run("UPDATE user_session SET proven_at = proven_at - %s WHERE id = %s", (age, found.session_id))
    return found


@pytest.fixture
async def house(database: Database, cache: Redis) -> AsyncIterator[House]:
    desk = await make_desk(database, cache)
    carol, vic, dan = [(await desk.person(role)).caller for role in ("trader", "viewer", "trader")]
    await share_account(desk.b, desk.caller, desk.account_id, carol.email, "trade")
    await share_account(desk.b, desk.caller, desk.account_id, vic.email, "view")
    yield House(desk, desk.caller, carol, vic, dan)
    assert await check_books(database) == []


async def test_who_only_looks_proposes_and_who_trades_confirms(house: House) -> None:
    b = house.desk.b
    seen = await house.proposal()
    assert (seen.state_at(seen.created_at), seen.reference_price, seen.may_confirm) == (
        "waiting",
        Decimal("100.05"),
        False,
    )
    assert await house.orders() == 0
    assert [await count_waiting(b, who) for who in (house.alice, house.carol, house.vic, house.dan)] == [1, 1, 0, 0]
    for who in (house.vic, replace(house.vic, role="trader")):
        with pytest.raises(NotAllowed):
            await confirm(b, who, seen.id, seen.ticket_hash)
    with pytest.raises(NotFound):
        await confirm(b, house.dan, seen.id, seen.ticket_hash)
    placed = await confirm(b, house.carol, seen.id, seen.ticket_hash)
    assert (placed.status, placed.qty, placed.symbol) == ("pending_submit", 10, "AAPL")
    done = await get_approval(b, house.vic, seen.id)
    assert (done.state_at(done.created_at), done.order_id, done.decided_by) == (
        "ordered",
        placed.id,
        house.carol.user_id,
    )
    assert await count_waiting(b, house.alice) == 0
    actions = [row[0] for row in await b.db.tuples("SELECT action FROM audit_event ORDER BY sequence")]
    told = [one for one in actions if one.startswith("approval")]
    assert told == ["approval.proposed", "approval.confirmed", "approval.ordered"]


async def test_ones_own_takes_a_fresh_proof(house: House) -> None:
    b = house.desk.b
    seen = await house.proposal(by=house.alice)
    with pytest.raises(StepUpNeeded):
        await confirm(b, await session_of(house.desk, house.alice, minutes_ago=6), seen.id, seen.ticket_hash)
    assert await house.orders() == 0
    fresh = await session_of(house.desk, house.alice)
    assert (await confirm(b, fresh, seen.id, seen.ticket_hash)).status == "pending_submit"


async def test_a_second_use_another_hash_an_expired_one_and_a_drifted_one_are_refused_and_written_down(
    house: House,
) -> None:
    b = house.desk.b
    used = await house.proposal()
    await confirm(b, house.carol, used.id, used.ticket_hash)
    with pytest.raises(Refused, match="was ordered already"):
        await confirm(b, house.alice, used.id, used.ticket_hash)
    with pytest.raises(Refused, match="a confirmation counts once"):
        await order_confirmed(b, house.carol, used.id, used.ticket_hash)
    other = await house.proposal("buy 11 AAPL")
    with pytest.raises(Refused, match="not the one that waits"):
        await confirm(b, house.carol, other.id, used.ticket_hash)
    await b.db.run("UPDATE approval SET qty = 1000 WHERE id = %s", (other.id,))
    with pytest.raises(Refused, match="not what was proposed"):
        await confirm(b, house.carol, other.id, other.ticket_hash)
    late = await house.proposal("buy 12 AAPL")
    await b.db.run(AGED, {"age": timedelta(hours=25)})
    with pytest.raises(Refused, match="has expired"):
        await confirm(b, house.carol, late.id, late.ticket_hash)
    moved = await house.proposal("buy 13 AAPL")
    await house.desk.tell(quote("AAPL 101.10/101.15"))
    with pytest.raises(Refused, match=r"1\.10 % is more than the 1 % this account allows"):
        await confirm(b, house.carol, moved.id, moved.ticket_hash)
    assert await house.orders() == 1
    assert len(await b.db.tuples(REFUSED)) == 6
    await set_drift(b, house.alice, house.desk.account_id, Decimal("1.5"))
    assert (await confirm(b, house.carol, moved.id, moved.ticket_hash)).status == "pending_submit"


async def test_of_many_who_confirm_at_once_one_order_comes(house: House) -> None:
    b = house.desk.b
    seen = await house.proposal()
    alice = await session_of(house.desk, house.alice)
    calls = [confirm(b, who, seen.id, seen.ticket_hash) for who in (alice, house.carol) * 10]
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in done) == 1
    assert all(isinstance(one, Refused) for one in done if isinstance(one, BaseException)), done
    assert await house.orders() == 1


async def test_a_confirmation_that_was_cut_short_counts_for_two_minutes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = house.desk.b

    async def dies(*_: object, **__: object) -> None:
        raise SystemExit

    for age, ordered in ((timedelta(seconds=110), True), (timedelta(seconds=121), False)):
        seen = await house.proposal(f"buy {age.seconds} AAPL")
        with monkeypatch.context() as patch:
            patch.setattr(service, "order_confirmed", dies)
            with pytest.raises(SystemExit):
                await confirm(b, house.carol, seen.id, seen.ticket_hash)
        await b.db.run(AGED, {"age": age})
        if ordered:
            placed = await order_confirmed(b, house.carol, seen.id, seen.ticket_hash)
            assert placed.qty == 110
        else:
            with pytest.raises(Refused, match="two minutes are over"):
                await order_confirmed(b, house.carol, seen.id, seen.ticket_hash)
    assert await house.orders() == 1


async def test_what_has_to_be_read_first_leaves_the_proposal_waiting(house: House) -> None:
    b = house.desk.b
    await submit_order(b, house.alice, house.desk.account_id, order("buy 10 AAPL"), "the-same-0001")
    seen = await house.proposal()
    with pytest.raises(Unacknowledged):
        await confirm(b, house.carol, seen.id, seen.ticket_hash)
    assert (await get_approval(b, house.carol, seen.id)).decision is None
    placed = await confirm(b, house.carol, seen.id, seen.ticket_hash, acknowledged=["duplicate"])
    assert placed.status == "pending_submit"


async def test_it_is_declined_or_withdrawn_and_ends_there(house: House) -> None:
    b = house.desk.b
    for who, decision in ((house.carol, "declined"), (house.vic, "withdrawn")):
        seen = await house.proposal()
        with pytest.raises(NotFound):
            await decline(b, house.dan, seen.id, seen.ticket_hash)
        await decline(b, who, seen.id, seen.ticket_hash)
        assert (await get_approval(b, house.vic, seen.id)).decision == decision
        with pytest.raises(Refused, match=f"was {decision} already"):
            await confirm(b, house.carol, seen.id, seen.ticket_hash)
    assert await list_approvals(b, house.carol, waiting=True) == []
    assert len(await list_approvals(b, house.carol)) == 2
    assert await list_approvals(b, house.dan) == []


async def test_a_proposal_needs_reasons_a_possible_ticket_and_an_account_one_sees(house: House) -> None:
    b, account = house.desk.b, house.desk.account_id
    reasons = {"thesis": "It is cheap.", "invalidation": "It closes below 90."}
    for text, more, error in (
        ("buy 10 AAPL", {"thesis": " "}, InvalidInput),
        ("buy 10 AAPL", {"invalidation": "x" * 1_001}, InvalidInput),
        ("buy 10 AAPL", {"lives": timedelta(days=8)}, InvalidInput),
        ("buy 10 AAPL @ 100.001", {}, InvalidInput),
        ("sell 10 AAPL stp=90", {}, InvalidInput),
        ("buy 10 NONE", {}, InvalidInput),
    ):
        with pytest.raises(error):
            await propose(b, house.vic, account, order(text), **(reasons | more))
    with pytest.raises(NotFound):
        await propose(b, house.dan, account, order("buy 10 AAPL"), **reasons)
    for drift in ("0", "20.01", "NaN", "0.001"):
        with pytest.raises(InvalidInput):
            await set_drift(b, house.alice, account, Decimal(drift))
    with pytest.raises(NotFound):
        await set_drift(b, house.carol, account, Decimal(2))
