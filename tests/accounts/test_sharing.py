"""Accounts shared with others: alice owns one, bob may look, carol may trade, dan is nobody to her."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.people import disable_person
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sharing.service import end_share, list_shares, share_account
from starkmatter.db.database import Database
from starkmatter.errors import InvalidInput, NotAllowed, NotFound
from starkmatter.portfolio.accounts import get_account, list_accounts
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.opening import deposit
from starkmatter.portfolio.performance import measure_performance
from starkmatter.portfolio.valuation import equity_series, list_positions
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.listeners import listeners_of, read_listeners
from starkmatter.trading.orders import get_fill, get_order, list_fills, list_orders, order_events
from starkmatter.trading.preview import preview_order
from starkmatter.trading.submit import submit_order
from tests.builders import Desk, make_desk, order, quote


@dataclass
class Family:
    desk: Desk
    bob: Caller
    carol: Caller
    dan: Caller


@pytest.fixture
async def family(database: Database, cache: Redis) -> Family:
    desk = await make_desk(database, cache)
    bob, carol, dan = [(await desk.person("trader")).caller for _ in range(3)]
    await share_account(desk.b, desk.caller, desk.account_id, bob.email, "view")
    await share_account(desk.b, desk.caller, desk.account_id, f" {carol.email.upper()} ", "trade")
    await submit_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"), "first-order")
    await desk.broker.drain()
    await desk.tell(quote("AAPL 100.00/100.05", volume="100000"))
    return Family(desk, bob, carol, dan)


async def test_who_is_let_in_sees_all_of_the_account_and_who_is_not_sees_none(family: Family) -> None:
    desk, b, account = family.desk, family.desk.b, family.desk.account_id
    [mine] = await list_orders(b, desk.caller, account)
    [filled] = await list_fills(b, desk.caller, account_id=account)
    for person in (family.bob, family.carol):
        assert (await get_account(b, person, account)).cash == (await get_account(b, desk.caller, account)).cash
        assert await list_orders(b, person, account) == [mine]
        assert (await get_order(b, person, mine.id)).status == "filled"
        assert len(await order_events(b, person, mine.id)) >= 2
        assert await get_fill(b, person, filled.id) == filled
        assert [one.symbol for one in await list_positions(b, person, account)] == ["AAPL"]
        assert await list_entries(b, person, account) == await list_entries(b, desk.caller, account)
        assert await equity_series(b, person, account) != []
        assert (await measure_performance(b, person, account)) is not None
    for call in (
        get_account(b, family.dan, account),
        get_order(b, family.dan, mine.id),
        get_fill(b, family.dan, filled.id),
        list_positions(b, family.dan, account),
    ):
        with pytest.raises(NotFound):
            await call
    assert await list_orders(b, family.dan, account) == []
    assert await list_entries(b, family.dan, account) == []


async def test_shared_accounts_come_after_ones_own_and_say_whose_they_are(family: Family) -> None:
    own, shared = await list_accounts(family.desk.b, family.bob)
    assert (own.access, own.read_only) == ("own", False)
    assert (shared.access, shared.read_only, shared.owner_name) == ("view", True, family.desk.caller.display_name)
    _, traded = await list_accounts(family.desk.b, family.carol)
    assert (traded.access, traded.read_only) == ("trade", False)
    assert [one.access for one in await list_accounts(family.desk.b, family.dan)] == ["own"]


async def test_who_may_trade_orders_and_cancels_in_their_own_name(family: Family) -> None:
    desk, b, account = family.desk, family.desk.b, family.desk.account_id
    assert (await preview_order(b, family.carol, account, order("buy 5 AAPL"))).refusals == []
    placed = await submit_order(b, family.carol, account, order("buy 5 AAPL @ 90.00 gtc"), "carols-order")
    assert await b.db.value("SELECT placed_by FROM trade_order WHERE id = %s", (placed.id,)) == family.carol.user_id
    assert (await get_order(b, desk.caller, placed.id)).qty == 5
    await desk.broker.drain()
    assert (await cancel_order(b, family.carol, placed.id)).status in {"pending_cancel", "not_sent", "canceled"}
    sold = await submit_order(b, family.carol, account, order("sell 10 AAPL"), "carols-sale")
    assert sold.status == "pending_submit"


async def test_who_may_look_orders_and_cancels_nothing(family: Family) -> None:
    desk, b, account = family.desk, family.desk.b, family.desk.account_id
    resting = await submit_order(b, desk.caller, account, order("buy 5 AAPL @ 90.00 gtc"), "resting-order")
    for call in (
        submit_order(b, family.bob, account, order("buy 1 AAPL"), "bobs-order"),
        preview_order(b, family.bob, account, order("buy 1 AAPL")),
        cancel_order(b, family.bob, resting.id),
    ):
        with pytest.raises(NotAllowed, match="to look at"):
            await call
    assert len(await list_orders(b, desk.caller, account)) == 2
    assert (await get_order(b, desk.caller, resting.id)).status == "pending_submit"


async def test_the_database_itself_refuses_an_order_of_one_who_may_only_look(family: Family) -> None:
    """The share may have been narrowed between the question and the order: the order function asks once more."""
    b = family.desk.b
    item = await b.db.value(
        "SELECT jsonb_build_array(to_jsonb(o) || jsonb_build_object('id', gen_random_uuid(), 'user_id', %s::uuid,"
        " 'reserve', 1, 'venue_at', now(), 'refusal', NULL, 'request_hash', 'aa'))::text FROM trade_order o LIMIT 1",
        (family.bob.user_id,),
    )
    outcome = await b.db.tuples("SELECT outcome FROM submit_orders(%s::jsonb, now())", (item,))
    assert outcome == [("no_account",)]


@pytest.mark.parametrize("role", ["viewer", "analyst"])
async def test_a_role_that_does_not_trade_only_looks_however_far_it_was_let_in(family: Family, role: str) -> None:
    desk, b = family.desk, family.desk.b
    person = (await desk.person(role)).caller  # type: ignore[arg-type]
    await share_account(b, desk.caller, desk.account_id, person.email, "trade")
    assert (await get_account(b, person, desk.account_id)).access == "view"
    with pytest.raises(NotAllowed):
        await submit_order(b, person, desk.account_id, order("buy 1 AAPL"), "no-such-right")


async def test_only_the_owner_moves_cash_and_shares(family: Family) -> None:
    desk, b, account = family.desk, family.desk.b, family.desk.account_id
    with pytest.raises(NotAllowed, match="Only its owner"):
        await deposit(b, family.carol, account, Decimal(100))
    with pytest.raises(NotFound):
        await share_account(b, family.carol, account, family.dan.email, "view")
    with pytest.raises(NotFound):
        await end_share(b, family.carol, account, family.bob.user_id)
    with pytest.raises(NotFound):
        await list_shares(b, family.carol, account)
    assert {one.user_id for one in await list_shares(b, desk.caller)} == {family.bob.user_id, family.carol.user_id}


async def test_it_ends_when_the_owner_says_so_or_the_other_leaves(family: Family) -> None:
    desk, b, account = family.desk, family.desk.b, family.desk.account_id
    await end_share(b, desk.caller, account, family.bob.user_id)
    await end_share(b, family.carol, account, family.carol.user_id)
    for person in (family.bob, family.carol):
        with pytest.raises(NotFound):
            await get_account(b, person, account)
        with pytest.raises(NotFound):
            await end_share(b, desk.caller, account, person.user_id)
    assert await list_shares(b, desk.caller, account) == []


async def test_sharing_again_changes_how_far(family: Family) -> None:
    desk, b = family.desk, family.desk.b
    assert await share_account(b, desk.caller, desk.account_id, family.bob.email, "trade") == "Test"
    assert (await get_account(b, family.bob, desk.account_id)).access == "trade"


@pytest.mark.parametrize(
    ("email", "level", "error"),
    [
        ("nobody@example.org", "view", NotFound),
        ("", "view", NotFound),
        ("{own}", "view", InvalidInput),
        ("{dan}", "own", InvalidInput),
        ("{dan}", "", InvalidInput),
    ],
)
async def test_what_cannot_be_shared_is_refused_in_words(family: Family, email: str, level: str, error: type) -> None:
    desk = family.desk
    address = email.format(own=desk.caller.email, dan=family.dan.email)
    with pytest.raises(error):
        await share_account(desk.b, desk.caller, desk.account_id, address, level)
    assert len(await list_shares(desk.b, desk.caller)) == 2


async def test_orders_are_announced_to_those_let_in_while_they_may_sign_in(family: Family) -> None:
    desk, b = family.desk, family.desk.b
    await read_listeners(b.db)
    assert set(listeners_of(desk.account_id)) == {family.bob.user_id, family.carol.user_id}
    await disable_person(b, desk.caller, family.bob.user_id, disabled=True)
    await read_listeners(b.db)
    assert listeners_of(desk.account_id) == (family.carol.user_id,)
    await end_share(b, desk.caller, desk.account_id, family.carol.user_id)
    await read_listeners(b.db)
    assert listeners_of(desk.account_id) == ()
