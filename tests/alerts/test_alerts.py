"""Alerts from the rule to the person: watched by the worker, once per crossing, on the page and by mail."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.mail import KIND
from starkmatter.accounts.records import Caller
from starkmatter.accounts.vault import keep_secret
from starkmatter.alerts import queries
from starkmatter.alerts.mailroom import CLAIM, deliver, post_mail
from starkmatter.alerts.records import AlertView
from starkmatter.alerts.service import (
    MAX_ALERTS,
    change_alert,
    choose_summary,
    count_unseen,
    delete_alert,
    list_alert_events,
    list_alerts,
    make_alert,
    see_alert_events,
    wants_summary,
)
from starkmatter.alerts.watch import AlertWatch
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.domain.corporate.terms import Splitting, Told
from starkmatter.domain.sessions import exchange_day
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.jobs.summary import post_summaries
from starkmatter.market.actions.telling import tell_actions
from starkmatter.market.listing import add_instruments, described
from starkmatter.settings import load_settings
from tests.builders import Desk, make_caller, make_desk, open_clock, order, quote
from tests.standins.smtp import PASSWORD, USER, Mailbox, mail_server


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as started:
        yield started


@pytest.fixture
async def desk(database: Database, cache: Redis, tmp_path: Path) -> Desk:
    desk = await make_desk(database, cache)
    desk.b = Backends(load_settings({"STARKMATTER_HOME": str(tmp_path)}), database, cache)
    return desk


@pytest.fixture
def watch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> AlertWatch:
    monkeypatch.setattr("starkmatter.alerts.watch.LOOK_SECS", 0.0)
    return AlertWatch(desk.b, "replay")


async def connect_mail(b: Backends, box: Mailbox) -> None:
    values = {
        "host": "127.0.0.1",
        "port": str(box.port),
        "security": "none",
        "user": USER,
        "password": PASSWORD,
        "sender": "desk@example.org",
    }
    await keep_secret(b, KIND, None, values, {"password"})


async def above(desk: Desk, level: str, caller: Caller | None = None, **options: Any) -> AlertView:
    return await make_alert(
        desk.b,
        caller or desk.caller,
        venue="replay",
        symbol="aapl",
        kind="price_above",
        threshold=Decimal(level),
        **options,
    )


async def test_a_crossing_is_told_once_on_the_page_and_by_mail(desk: Desk, watch: AlertWatch, box: Mailbox) -> None:
    await connect_mail(desk.b, box)
    made = await above(desk, "105", by_mail=True, note="sell half")
    assert made.armed
    pubsub = desk.b.cache.pubsub(ignore_subscribe_messages=True)
    await pubsub.subscribe(f"alerts:{desk.caller.user_id}")
    for prices in ("104.00/104.05", "105.00/105.05", "106.00/106.05", "103.00/103.05", "107.00/107.05"):
        one = quote(f"AAPL {prices}")
        await watch.on_quotes(open_clock(), {"AAPL": one})
    [event] = await list_alert_events(desk.b, desk.caller)
    assert (event.words, event.price, event.note) == ("AAPL rises to or above 105", Decimal(105), "sell half")
    heard = None
    while heard is None:
        heard = await pubsub.get_message(timeout=1)
    assert json.loads(heard["data"])["words"] == event.words
    assert await count_unseen(desk.b, desk.caller) == 1
    await see_alert_events(desk.b, desk.caller)
    assert await count_unseen(desk.b, desk.caller) == 0
    assert await deliver(desk.b) == 1
    assert await deliver(desk.b) == 0
    [mail] = box.mails
    assert mail["Subject"] == "[REPLAY] AAPL rises to or above 105"
    assert "sell half" in mail.get_content()
    assert box.recipients == [[desk.caller.email]]
    [event] = await list_alert_events(desk.b, desk.caller)
    assert event.mail == "sent"
    [rested] = await list_alerts(desk.b, desk.caller)
    assert not rested.active


async def test_what_crosses_before_the_worker_knows_the_rule_is_not_missed(
    desk: Desk, watch: AlertWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watch.on_quotes(open_clock(), {"AAPL": quote("AAPL 104.00/104.05")})
    made = await above(desk, "105")
    assert made.armed
    monkeypatch.setattr("starkmatter.alerts.watch.LOOK_SECS", 3_600.0)  # It looked a moment ago.
    await watch.on_quotes(open_clock(), {"AAPL": quote("AAPL 106.00/106.05")})
    assert await list_alert_events(desk.b, desk.caller) == []
    monkeypatch.setattr("starkmatter.alerts.watch.LOOK_SECS", 0.0)
    await watch.on_quotes(open_clock(), {})
    [event] = await list_alert_events(desk.b, desk.caller)
    assert event.price == Decimal(106)


async def test_a_former_markets_price_fires_nothing(desk: Desk, watch: AlertWatch) -> None:
    await watch.on_quotes(open_clock(), {"AAPL": quote("AAPL 106.00/106.05")})
    made = await above(desk, "105")
    assert made.armed
    await watch.on_quotes(open_clock(run_id=8), {})
    assert await list_alert_events(desk.b, desk.caller) == []


async def test_one_that_repeats_fires_at_each_crossing(desk: Desk, watch: AlertWatch) -> None:
    await above(desk, "105", repeats=True)
    for prices in (
        "106.00/106.05",
        "107.00/107.05",
        "103.00/103.05",
        "106.00/106.05",
        "104.95/105.00",
        "105.10/105.15",
    ):
        await watch.on_quotes(open_clock(), {"AAPL": quote(f"AAPL {prices}")})
    assert len(await list_alert_events(desk.b, desk.caller)) == 2


async def test_two_workers_fire_one_crossing(desk: Desk, watch: AlertWatch) -> None:
    await above(desk, "105", repeats=True)
    other = AlertWatch(desk.b, "replay")
    for one in (watch, other):
        await one.on_quotes(open_clock(), {})
    crossing = {"AAPL": quote("AAPL 106.00/106.05")}
    await asyncio.gather(watch.on_quotes(open_clock(), crossing), other.on_quotes(open_clock(), crossing))
    assert len(await list_alert_events(desk.b, desk.caller)) == 1


async def test_what_holds_already_fires_at_the_next_crossing(desk: Desk, watch: AlertWatch) -> None:
    made = await above(desk, "90")
    assert not made.armed
    await watch.on_quotes(open_clock(), {"AAPL": quote("AAPL 101.00/101.05")})
    assert await list_alert_events(desk.b, desk.caller) == []
    for prices in ("89.00/89.05", "91.00/91.05"):
        await watch.on_quotes(open_clock(), {"AAPL": quote(f"AAPL {prices}")})
    assert len(await list_alert_events(desk.b, desk.caller)) == 1


async def test_changes_reach_the_worker_and_the_other_venue_does_not(desk: Desk, watch: AlertWatch) -> None:
    made = await above(desk, "105", repeats=True)
    elsewhere = AlertWatch(desk.b, "market")
    await elsewhere.on_quotes(open_clock(), {"AAPL": quote("AAPL 110.00/110.05")})
    await change_alert(desk.b, desk.caller, made.id, threshold=Decimal(120))
    await watch.on_quotes(open_clock(), {"AAPL": quote("AAPL 110.00/110.05")})
    await change_alert(desk.b, desk.caller, made.id, active=False)
    await watch.on_quotes(open_clock(), {"AAPL": quote("AAPL 130.00/130.05")})
    await change_alert(desk.b, desk.caller, made.id, active=True)
    await delete_alert(desk.b, desk.caller, made.id)
    await watch.on_quotes(open_clock(), {"AAPL": quote("AAPL 140.00/140.05")})
    assert await list_alert_events(desk.b, desk.caller) == []


async def test_alerts_are_their_owners(desk: Desk) -> None:
    made = await above(desk, "105")
    other = await make_caller(desk.b.db, "owner")
    assert await list_alerts(desk.b, other) == []
    for call in (change_alert(desk.b, other, made.id, active=False), delete_alert(desk.b, other, made.id)):
        with pytest.raises(NotFound):
            await call
    [kept] = await list_alerts(desk.b, desk.caller)
    assert kept.active


@pytest.mark.parametrize("level", ["0", "-1", "1000001", "NaN"])
async def test_a_level_that_no_price_has_is_refused(desk: Desk, level: str) -> None:
    with pytest.raises(InvalidInput):
        await above(desk, level)


async def test_unknown_symbols_long_notes_and_too_many_are_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound):
        await make_alert(desk.b, desk.caller, venue="replay", symbol="NOPE", kind="price_above", threshold=Decimal(1))
    with pytest.raises(InvalidInput):
        await above(desk, "105", note="x" * 200)
    monkeypatch.setattr("starkmatter.alerts.service.MAX_ALERTS", 1)
    await above(desk, "105")
    with pytest.raises(InvalidInput):
        await above(desk, "106")
    assert MAX_ALERTS == 200


async def test_a_mail_that_cannot_be_sent_waits_longer_each_time_and_is_given_up_after_a_day(
    desk: Desk, box: Mailbox
) -> None:
    b = desk.b
    assert await post_mail(b, "k", desk.caller.user_id, "Subject", "Body")
    assert not await post_mail(b, "k", desk.caller.user_id, "Subject", "Body")
    pauses = []
    for _ in range(3):
        assert await deliver(b) == 0
        ((pause, state, words),) = await b.db.tuples(
            "SELECT next_at - now(), state, words FROM mail_outbox WHERE key = 'k'"
        )
        pauses.append(pause)
        assert (state, words) == ("waiting", "No mail server is connected.")
        await b.db.run("UPDATE mail_outbox SET next_at = now()")
    assert pauses[0] < pauses[1] < pauses[2]
    await b.db.run("UPDATE mail_outbox SET created_at = now() - interval '25 hours', next_at = now()")
    assert await deliver(b) == 0
    assert await b.db.value("SELECT state FROM mail_outbox") == "dead"
    await connect_mail(b, box)
    await b.db.run("UPDATE mail_outbox SET next_at = now()")
    assert await deliver(b) == 0
    assert box.mails == []


async def test_a_mail_whose_worker_ended_while_sending_is_sent_by_the_next(desk: Desk, box: Mailbox) -> None:
    b = desk.b
    await connect_mail(b, box)
    await post_mail(b, "k", desk.caller.user_id, "Subject", "Body")
    now = utc_now()
    assert await b.db.run(queries.CLAIM_MAIL, {"now": now, "claimed_until": now + CLAIM}) == 1
    assert await deliver(b) == 0
    await b.db.run("UPDATE mail_outbox SET next_at = now() - interval '1 second'")
    assert await deliver(b) == 1


async def test_two_workers_send_a_mail_once(desk: Desk, box: Mailbox) -> None:
    await connect_mail(desk.b, box)
    for number in range(6):
        await post_mail(desk.b, f"k{number}", desk.caller.user_id, f"Subject {number}", "Body")
    assert sum(await asyncio.gather(deliver(desk.b), deliver(desk.b))) == 6
    assert len(box.mails) == 6


async def test_the_daily_summary_goes_once_a_day_to_those_who_asked(
    desk: Desk, watch: AlertWatch, box: Mailbox
) -> None:
    b = desk.b
    await connect_mail(b, box)
    assert await post_summaries(b) == "0 summaries for 0 people"
    await choose_summary(b, desk.caller, True)
    other = await desk.person()
    await choose_summary(b, other.caller, True)
    await choose_summary(b, other.caller, False)
    assert (await wants_summary(b, desk.caller), await wants_summary(b, other.caller)) == (True, False)
    from starkmatter.trading.submit import submit_order

    await submit_order(b, desk.caller, desk.account_id, order("buy 10 AAPL"), f"key-{uuid4()}")
    await desk.broker.drain()
    await submit_order(b, desk.caller, desk.account_id, order("buy 11 AAPL @ 90.00 gtc"), f"key-{uuid4()}")
    await above(desk, "105")
    await watch.on_quotes(open_clock(), {"AAPL": quote("AAPL 106.00/106.05")})
    assert await post_summaries(b) == "1 summaries for 1 people"
    assert await post_summaries(b) == "0 summaries for 1 people"
    assert await deliver(b) == 1
    text = box.mails[0].get_content()
    for part in ("Practice", "Equity 99,999", "AAPL", "1 open order", "Alert: AAPL rises to or above 105"):
        assert part in text
    assert box.recipients == [[desk.caller.email]]


async def test_old_crossings_and_mails_are_forgotten(desk: Desk, watch: AlertWatch) -> None:
    await above(desk, "105")
    await watch.on_quotes(open_clock(), {"AAPL": quote("AAPL 106.00/106.05")})
    await post_mail(desk.b, "k", desk.caller.user_id, "Subject", "Body")
    await desk.b.db.run("UPDATE mail_outbox SET state = 'sent'")
    later = utc_now() + timedelta(days=1)
    assert await desk.b.db.run(queries.FORGET_EVENTS, (later,)) == 1
    assert await desk.b.db.run(queries.FORGET_MAILS, (later,)) == 1


async def test_an_alert_on_a_pair_keeps_every_decimal_of_its_level(desk: Desk) -> None:
    await add_instruments(desk.b.db, [one for one in (described("EUR-USD"), described("SHIB-USD")) if one])
    rule = {"venue": "market", "kind": "price_above", "threshold": Decimal("1.08345")}
    made = await make_alert(desk.b, desk.caller, symbol="eur/usd", **rule)
    assert (made.symbol, made.threshold) == ("EUR-USD", Decimal("1.08345"))
    changed = await change_alert(desk.b, desk.caller, made.id, threshold=Decimal("1.083455"))
    assert changed.threshold == Decimal("1.083455")
    with pytest.raises(InvalidInput, match="six decimals at most"):
        await make_alert(desk.b, desk.caller, symbol="SHIB-USD", **rule | {"threshold": Decimal("0.00000812")})


async def test_a_price_that_is_waited_for_follows_splits_and_their_corrections(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starkmatter.alerts.watch.LOOK_SECS", 0.0)
    watch, clock = AlertWatch(desk.b, "market"), replace(open_clock(), venue="market", run_id=None)
    rule = {"venue": "market", "symbol": "AAPL", "by_mail": False}
    for kind, level in (("price_above", "110"), ("price_below", "70"), ("day_up_pct", "5")):
        await make_alert(desk.b, desk.caller, kind=kind, threshold=Decimal(level), **rule)
    today = exchange_day(utc_now())
    ex_on = today + timedelta(days=3)

    async def tell(revision: int, terms: Splitting | None) -> None:
        async with desk.b.db.transaction() as connection:
            one = Told("split", revision, "AAPL", ex_on, "USD", terms, "test")
            await tell_actions(connection, "market", [one], utc_now())

    async def levels(days: int, price: str) -> dict[str, Decimal]:
        now = replace(clock, venue_now=utc_now() + timedelta(days=days))
        for _ in range(2):
            await watch.on_quotes(now, {"AAPL": quote(f"AAPL {price}")})
        return {one.kind: one.threshold for one in await list_alerts(desk.b, desk.caller)}

    await tell(1, Splitting(Decimal(4), Decimal(1)))
    assert await levels(0, "100.00/100.05") == {"price_above": 110, "price_below": 70, "day_up_pct": 5}
    assert await levels(3, "25.00/25.05") == {
        "price_above": Decimal("27.5"),
        "price_below": Decimal("17.5"),
        "day_up_pct": 5,
    }
    assert await list_alert_events(desk.b, desk.caller) == []
    await tell(2, Splitting(Decimal(2), Decimal(1)))
    assert (await levels(3, "50.00/50.05"))["price_above"] == 55
    await tell(3, None)
    assert await levels(3, "100.00/100.05") == {"price_above": 110, "price_below": 70, "day_up_pct": 5}
