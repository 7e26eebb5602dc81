"""From an intent to booked fills on the real database: exactly one outcome, to the cent."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotFound, Unavailable
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.invariants import check_books
from starkmatter.portfolio.ledger import list_entries
from starkmatter.portfolio.valuation import list_positions
from starkmatter.trading import queries
from starkmatter.trading.brokers import paper
from starkmatter.trading.cancel import cancel_order
from starkmatter.trading.orders import get_fill, get_order, list_fills, list_orders, order_events
from starkmatter.trading.preview import preview_order
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, closed_clock, make_desk, open_clock, order, quote

KEY = "key-00000001"


@pytest.fixture
async def desk(database: Database, cache: Redis) -> AsyncIterator[Desk]:
    made = await make_desk(database, cache)
    yield made
    assert await check_books(database) == []


async def send(desk: Desk, text: str, key: str = KEY):
    return await submit_order(desk.b, desk.caller, desk.account_id, order(text), key, acknowledged=ALL_READ)


async def account(desk: Desk):
    return await get_account(desk.b, desk.caller, desk.account_id)


async def states(desk: Desk, order_id) -> list[str]:
    return [event.status for event in await order_events(desk.b, desk.caller, order_id)]


async def test_a_market_order_fills_at_the_ask_and_cash_moves_to_the_cent(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL")
    assert placed.status == "pending_submit"
    assert placed.reserved == Decimal("1050.60")  # 10 x 100.05 with the 5 % collar, on the tick
    assert (await account(desk)).buying_power == Decimal("98949.40")

    assert await desk.broker.drain() == 1

    done = await get_order(desk.b, desk.caller, placed.id)
    assert (done.status, done.filled_qty, done.avg_price, done.reserved) == ("filled", 10, Decimal("100.05"), 0)
    assert await states(desk, placed.id) == ["pending_submit", "submitting", "filled"]
    assert await desk.b.db.value("SELECT count(*) FROM outbox") == 0
    now = await account(desk)
    assert (now.cash, now.reserved) == (Decimal("98999.50"), 0)
    assert now.equity == Decimal("98999.50") + 10 * Decimal("100.00")
    [position] = await list_positions(desk.b, desk.caller, desk.account_id)
    assert (position.qty, position.cost_basis) == (10, Decimal("1000.50"))
    assert position.unrealized_pl == Decimal("-0.50")
    assert position.day_pl == Decimal("-0.50")


async def test_the_receipt_says_which_quote_which_rule_and_what_it_cost(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL")
    await desk.broker.drain()
    [fill] = await list_fills(desk.b, desk.caller, order_id=placed.id)
    receipt = (await get_fill(desk.b, desk.caller, fill.id)).receipt
    assert receipt["preset"] == "realistic/2"
    assert receipt["rule"] == "market_at_touch"
    assert receipt["quote"]["ask"] == "100.05"
    assert receipt["cap"]["available_qty"] == "500"
    assert receipt["spread"] == "0.05"
    assert receipt["fees"] == []


async def test_selling_pays_the_regulatory_fees_and_realizes_the_difference(desk: Desk) -> None:
    await send(desk, "buy 10 AAPL")
    await desk.broker.drain()
    await desk.tell(quote("AAPL 110.00/110.05"))
    sold = await send(desk, "sell 4 AAPL", "key-00000002")
    await desk.broker.drain()
    [fill] = await list_fills(desk.b, desk.caller, order_id=sold.id)
    # 440 USD of proceeds: SEC fee 0.0122 and activity fee 0.000664, each rounded up to the cent.
    assert fill.fees == Decimal("0.03")
    assert [line["charged"] for line in fill.receipt["fees"]] == ["0.02", "0.01"]
    assert fill.realized_pl == Decimal("440.00") - Decimal("0.03") - Decimal("400.20")
    [position] = await list_positions(desk.b, desk.caller, desk.account_id)
    assert (position.qty, position.cost_basis, position.realized_pl) == (
        6,
        Decimal("600.30"),
        Decimal("39.77"),
    )
    assert (await account(desk)).cash == Decimal("98999.50") + Decimal("439.97")


async def test_the_same_key_gives_the_same_order_and_another_body_is_refused(desk: Desk) -> None:
    first = await send(desk, "buy 10 AAPL")
    again = await send(desk, "buy 10 AAPL")
    assert again.id == first.id
    assert (await account(desk)).reserved == first.reserved
    await desk.broker.drain()
    assert (await send(desk, "buy 10 AAPL")).status == "filled"
    with pytest.raises(InvalidInput, match="already used"):
        await send(desk, "buy 11 AAPL")
    assert len(await list_orders(desk.b, desk.caller)) == 1


async def test_fifty_posts_with_one_key_make_one_order(desk: Desk) -> None:
    answers = await asyncio.gather(*[send(desk, "buy 10 AAPL") for _ in range(50)])
    assert len({answer.id for answer in answers}) == 1
    assert len(await list_orders(desk.b, desk.caller)) == 1
    assert (await account(desk)).reserved == Decimal("1050.60")


@pytest.mark.parametrize(("orders", "power"), [(60, 10), pytest.param(2_000, 100, marks=pytest.mark.nightly)])
async def test_racing_orders_never_spend_more_than_there_is(
    orders: int, power: int, database: Database, cache: Redis
) -> None:
    desk = await make_desk(database, cache, cash=f"{power * Decimal('1050.60')}")  # for exactly so many
    answers = await asyncio.gather(*[send(desk, "buy 10 AAPL", f"key-race-{i}") for i in range(orders)])
    assert [answer.status for answer in answers].count("pending_submit") == power
    assert (await account(desk)).buying_power == 0
    await desk.broker.drain()
    assert await check_books(database) == []


async def test_an_order_beyond_buying_power_is_kept_as_refused_with_the_reason_in_words(desk: Desk) -> None:
    placed = await send(desk, "buy 2000 AAPL")
    assert placed.status == "risk_rejected"
    assert placed.reject_reason == "Buying power is 100,000.00 USD and this order needs 210,120.00 USD."
    assert await desk.broker.drain() == 0
    assert await states(desk, placed.id) == ["risk_rejected"]
    assert (await account(desk)).reserved == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("buy 10 ZZZZ", "no instrument"),
        ("buy 10 ^GSPC", "index"),
        ("buy 0.5 AAPL gtc", "Parts of a share trade in orders of the day only"),
        ("buy 0.0000000001 AAPL", "steps of 0.000000001 share"),
        ("buy 10 AAPL @ 100.001", "steps of 0.01"),
        ("buy 10 AAPL @ 150.00", "20 % above"),
        ("sell 10 AAPL @ 50.00", "20 % below"),
        ("sell 10 AAPL", "at most: short selling is not offered"),
        ("buy 1000001 AAPL", "1000000 shares at most"),
    ],
)
async def test_what_risk_refuses_is_answered_in_words(desk: Desk, text: str, words: str) -> None:
    placed = await send(desk, text)
    assert placed.status == "risk_rejected"
    assert words in (placed.reject_reason or "")
    assert words in " ".join((await preview_order(desk.b, desk.caller, desk.account_id, order(text))).refusals)


async def test_the_same_shares_cannot_be_sold_twice(desk: Desk) -> None:
    await send(desk, "buy 10 AAPL")
    await desk.broker.drain()
    first = await send(desk, "sell 10 AAPL @ 110.00 gtc", "key-00000002")
    second = await send(desk, "sell 1 AAPL @ 110.00 gtc", "key-00000003")
    assert (first.status, second.status) == ("pending_submit", "risk_rejected")
    await desk.broker.drain()
    await cancel_order(desk.b, desk.caller, first.id)
    await desk.broker.drain()
    assert (await send(desk, "sell 1 AAPL @ 110.00 gtc", "key-00000004")).status == "pending_submit"


async def test_a_limit_order_rests_until_the_market_reaches_it_and_fills_at_the_limit(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 99.00 gtc")
    await desk.broker.drain()
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "working"
    await desk.tell(quote("AAPL 99.05/99.10"))
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "working"
    await desk.tell(quote("AAPL 98.90/98.95"))
    done = await get_order(desk.b, desk.caller, placed.id)
    assert (done.status, done.avg_price) == ("filled", Decimal("99.00"))
    assert await states(desk, placed.id) == ["pending_submit", "submitting", "working", "filled"]


async def test_a_large_order_fills_in_parts_and_every_part_has_its_receipt(desk: Desk) -> None:
    placed = await send(desk, "buy 800 AAPL @ 100.05 gtc")
    await desk.broker.drain()
    part = await get_order(desk.b, desk.caller, placed.id)
    assert (part.status, part.filled_qty) == ("partial", 500)
    assert part.reserved == Decimal("30015.00")
    await desk.tell(quote("AAPL 100.00/100.05", size="200"))
    await desk.tell(quote("AAPL 100.00/100.05", size="200"))
    done = await get_order(desk.b, desk.caller, placed.id)
    assert (done.status, done.filled_qty) == ("filled", 800)
    parts = await list_fills(desk.b, desk.caller, order_id=placed.id)
    assert sorted(int(fill.qty) for fill in parts) == [100, 200, 500]
    assert {fill.receipt["rule"] for fill in parts} == {"limit_at_touch", "limit_resting"}


async def test_two_orders_cannot_both_have_the_same_shares_of_a_quote(desk: Desk) -> None:
    await send(desk, "buy 400 AAPL @ 100.05", "key-00000002")
    await send(desk, "buy 400 AAPL @ 100.05", "key-00000003")
    await desk.broker.drain()
    filled = sorted(int(one.filled_qty) for one in await list_orders(desk.b, desk.caller))
    assert filled == [100, 400]


async def test_a_canceled_order_gives_its_reservation_back(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL @ 90.00 gtc")
    await desk.broker.drain()
    asked = await cancel_order(desk.b, desk.caller, placed.id)
    assert asked.status == "pending_cancel"
    assert (await account(desk)).reserved == Decimal("900.00")
    await desk.broker.drain()
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "canceled"
    assert (await account(desk)).reserved == 0
    with pytest.raises(Conflict, match="already ended"):
        await cancel_order(desk.b, desk.caller, placed.id)


async def test_an_order_canceled_before_it_was_sent_is_never_sent(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL")
    assert (await cancel_order(desk.b, desk.caller, placed.id)).status == "not_sent"
    assert await desk.broker.drain() == 0
    assert (await account(desk)).reserved == 0


async def test_a_day_order_expires_at_the_close_and_a_gtc_order_does_not(desk: Desk) -> None:
    day = await send(desk, "buy 10 AAPL @ 90.00", "key-00000002")
    gtc = await send(desk, "buy 10 AAPL @ 90.00 gtc", "key-00000003")
    await desk.broker.drain()
    await desk.tell(clock=closed_clock())
    assert (await get_order(desk.b, desk.caller, day.id)).status == "expired"
    assert (await get_order(desk.b, desk.caller, gtc.id)).status == "working"
    assert (await account(desk)).reserved == Decimal("900.00")


async def test_an_order_sent_while_closed_waits_for_the_next_open(desk: Desk) -> None:
    await desk.tell(clock=closed_clock())
    placed = await send(desk, "buy 10 AAPL")
    await desk.broker.drain()
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "working"
    await desk.tell(clock=closed_clock())
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "working"
    tomorrow = open_clock(minutes=24 * 60 + 1, session_on=open_clock(24 * 60).venue_now.date())
    await desk.tell(quote("AAPL 101.00/101.05"), clock=tomorrow)
    done = await get_order(desk.b, desk.caller, placed.id)
    assert (done.status, done.avg_price) == ("filled", Decimal("101.05"))


async def test_a_gap_beyond_the_collar_buys_nothing_rather_than_too_dear(desk: Desk) -> None:
    await desk.tell(clock=closed_clock())
    placed = await send(desk, "buy 10 AAPL")
    await desk.broker.drain()
    tomorrow = open_clock(minutes=24 * 60 + 1, session_on=open_clock(24 * 60).venue_now.date())
    await desk.tell(quote("AAPL 120.00/120.05"), clock=tomorrow)
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "working"


async def test_a_restarted_broker_reads_its_book_and_goes_on(desk: Desk) -> None:
    from starkmatter.trading.brokers.paper import PaperBroker

    placed = await send(desk, "buy 10 AAPL @ 99.00 gtc")
    await desk.broker.drain()
    desk.broker = PaperBroker(desk.b.db, desk.b.cache, "replay")
    await desk.broker.start()
    assert desk.broker.resting == 1
    await desk.tell(quote("AAPL 98.90/98.95"))
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "filled"


async def test_a_refused_booking_whose_account_cannot_be_frozen_now_is_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away between the two: the order must not be left aside without anybody being told."""
    placed = await send(desk, "buy 10 AAPL")
    refusing = "SELECT 1 / 0 FROM (SELECT %s::jsonb, %s::timestamptz) AS asked"

    async def away(*_: object) -> None:
        raise Unavailable("The database does not answer.")

    with monkeypatch.context() as broken:
        broken.setattr(queries, "BOOK", refusing)
        broken.setattr(paper, "freeze_account", away)
        await desk.broker.drain()
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "pending_submit"
    await desk.broker.drain()
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "filled"


async def test_a_booking_that_is_refused_freezes_its_account_in_words(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(desk, "buy 10 AAPL")
    with monkeypatch.context() as broken:
        broken.setattr(queries, "BOOK", "SELECT 1 / 0 FROM (SELECT %s::jsonb, %s::timestamptz) AS asked")
        await desk.broker.drain()
    refused = await send(desk, "buy 1 MSFT", "key-00000002")
    assert refused.status == "risk_rejected"
    assert "This account is frozen" in (refused.reject_reason or "")


async def test_two_brokers_at_once_book_an_order_once(desk: Desk) -> None:
    from starkmatter.trading.brokers.paper import PaperBroker

    zombie = PaperBroker(desk.b.db, desk.b.cache, "replay")
    await zombie.start()
    await zombie.on_quotes(desk.clock, {"AAPL": quote("AAPL 100.00/100.05")})
    placed = await send(desk, "buy 10 AAPL @ 100.05 gtc")
    await asyncio.gather(desk.broker.drain(), zombie.drain())
    assert len(await list_fills(desk.b, desk.caller, order_id=placed.id)) == 1
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "filled"


async def test_a_stale_quote_fills_nothing(desk: Desk) -> None:
    from dataclasses import replace
    from datetime import timedelta

    from starkmatter.clock import utc_now

    old = replace(quote("AAPL 100.00/100.05"), received_at=utc_now() - timedelta(seconds=30))
    await desk.broker.on_quotes(desk.clock, {"AAPL": old})
    placed = await send(desk, "buy 10 AAPL")
    await desk.broker.drain()
    assert (await get_order(desk.b, desk.caller, placed.id)).status == "working"


async def test_a_preview_changes_nothing_and_says_what_would_change(desk: Desk) -> None:
    seen = await preview_order(desk.b, desk.caller, desk.account_id, order("buy 10 AAPL"))
    assert (seen.est_price, seen.est_cost, seen.est_fees) == (Decimal("100.05"), Decimal("1000.50"), 0)
    assert seen.buying_power_after == Decimal("98949.40")
    assert (seen.signed_qty, seen.signed_qty_after) == (0, 10)
    assert seen.refusals == []
    assert await list_orders(desk.b, desk.caller) == []


async def test_another_person_finds_none_of_it(desk: Desk) -> None:
    placed = await send(desk, "buy 10 AAPL")
    await desk.broker.drain()
    [fill] = await list_fills(desk.b, desk.caller)
    stranger = await desk.person()
    for call in (
        get_order(desk.b, stranger.caller, placed.id),
        cancel_order(desk.b, stranger.caller, placed.id),
        order_events(desk.b, stranger.caller, placed.id),
        get_fill(desk.b, stranger.caller, fill.id),
        get_account(desk.b, stranger.caller, desk.account_id),
        list_positions(desk.b, stranger.caller, desk.account_id),
        preview_order(desk.b, stranger.caller, desk.account_id, order("buy 1 AAPL")),
        submit_order(
            desk.b, stranger.caller, desk.account_id, order("buy 1 AAPL"), "key-foreign", acknowledged=ALL_READ
        ),
    ):
        with pytest.raises(NotFound):
            await call
    assert await list_orders(desk.b, stranger.caller, desk.account_id) == []
    assert await list_fills(desk.b, stranger.caller, account_id=desk.account_id) == []
    assert await list_entries(desk.b, stranger.caller, desk.account_id) == []


async def test_a_viewer_may_look_but_not_trade(desk: Desk) -> None:
    viewer = await desk.person("viewer")
    with pytest.raises(NotAllowed):
        await submit_order(desk.b, viewer.caller, viewer.account_id, order("buy 1 AAPL"), KEY, acknowledged=ALL_READ)


@pytest.mark.parametrize("key", ["", "short", "x" * 129, "with space in", "ключ-ключ"])
async def test_a_malformed_key_is_refused(desk: Desk, key: str) -> None:
    with pytest.raises(InvalidInput):
        await send(desk, "buy 1 AAPL", key)


async def test_the_journal_cannot_be_changed_or_unbalanced(desk: Desk, database: Database) -> None:
    import psycopg

    for statement in (
        "UPDATE ledger_entry SET description = 'x'",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry CASCADE",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            await database.run(statement)
    with pytest.raises(psycopg.errors.CheckViolation, match="USD is off by 1"):
        await database.run(
            "INSERT INTO ledger_entry (account_id, kind, description, venue_at, booked_at, accounts, commodities,"
            " amounts) VALUES (%s, 'x', 'x', now(), now(), '{assets:cash,equity:trading}', '{USD,USD}', '{2,-1}')",
            (desk.account_id,),
        )


async def test_the_journal_of_a_purchase_names_every_leg(desk: Desk) -> None:
    await send(desk, "buy 10 AAPL")
    await desk.broker.drain()
    fill, deposit = await list_entries(desk.b, desk.caller, desk.account_id)
    assert deposit.kind == "deposit"
    assert fill.description == "Bought 10 AAPL at 100.05 USD"
    assert {(leg.account, leg.commodity, leg.amount) for leg in fill.postings} == {
        ("assets:cash", "USD", Decimal("-1000.50")),
        ("equity:trading", "USD", Decimal("1000.50")),
        ("assets:holding", "AAPL", Decimal(10)),
        ("equity:trading", "AAPL", Decimal(-10)),
    }
