"""Cuts of accounts, targets, and proposals to rebalance that become baskets and are never sent by themselves."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.accounts.sharing.service import share_account
from starkmatter.db.database import Database
from starkmatter.domain.lots import Lot
from starkmatter.domain.rebalancing import Trade
from starkmatter.errors import InvalidInput, NotAllowed, NotFound, Refused
from starkmatter.portfolio.allocating.breakdown import break_down, put_tags, tags_of
from starkmatter.portfolio.allocating.rebalance import make_rebalance_basket, propose_trades, tax_of_sale
from starkmatter.portfolio.allocating.targets import drop_targets, get_targets, put_targets, standing_of
from starkmatter.portfolio.invariants import check_books
from starkmatter.trading.baskets.records import Basket
from starkmatter.trading.baskets.reviewing import review_basket
from starkmatter.trading.baskets.sending import send_basket
from starkmatter.trading.orders import list_orders
from starkmatter.trading.submit import submit_order
from tests.builders import ALL_READ, Desk, make_account, make_desk, order, quote


@pytest.fixture
async def desk(database: Database, cache: Redis) -> Desk:
    """Somebody who holds 500 AAPL, 50 MSFT and some cash."""
    desk = await make_desk(database, cache)
    for number, text in enumerate(("buy 500 AAPL", "buy 50 MSFT")):
        await submit_order(desk.b, desk.caller, desk.account_id, order(text), f"before-{number:04}")
    await desk.broker.drain()
    for volume in ("1000000", "2000000", "3000000"):
        await tell(desk, volume)
    return desk


async def tell(desk: Desk, volume: str, aapl: str = "100.00/100.05") -> None:
    await desk.tell(
        quote(f"AAPL {aapl}", size="100000", volume=volume),
        quote("MSFT 200.00/200.10", size="100000", volume=volume),
    )


async def wish(desk: Desk, text: str, by: str = "symbol", cash: str = "0", band: str = "0") -> None:
    words = text.split()
    percents = {name.replace("_", " "): Decimal(pct) for name, pct in zip(words[::2], words[1::2], strict=True)}
    await put_targets(
        desk.b, desk.caller, desk.account_id, by, percents, cash_pct=Decimal(cash), tolerance_pct=Decimal(band)
    )


async def test_every_cut_adds_up_and_what_is_unknown_is_named(desk: Desk) -> None:
    await desk.b.db.run("UPDATE instrument SET isin = 'US0378331005' WHERE symbol = 'AAPL'")
    await put_tags(desk.b, desk.caller, "aapl", ["Core", "  big   ones "])
    other = await make_account(desk.b.db, desk.caller, "5000")
    found = await break_down(desk.b, desk.caller, desk.account_id)
    assert sum(one.value for one in found.cuts["symbol"]) == found.equity
    for cut, slices in found.cuts.items():
        if cut != "tag":
            assert sum(one.value for one in slices) == found.equity, cut
    names = {cut: {one.name for one in slices} for cut, slices in found.cuts.items()}
    assert names["class"] == {"Shares", "Cash"}
    assert names["sector"] == {"Technology", "Cash"}
    assert names["country"] == {"US", "Unknown country", "Cash"}
    assert (names["currency"], names["account"]) == ({"USD"}, {"Practice"})
    assert names["tag"] == {"Core", "big ones", "No tag", "Cash"}
    both = await break_down(desk.b, desk.caller, desk.account_id, together=True)
    assert set(both.account_ids) == {desk.account_id, other}
    assert both.equity == found.equity + 5000
    stranger = await desk.person("trader")
    with pytest.raises(NotFound):
        await break_down(desk.b, stranger.caller, desk.account_id)
    assert await tags_of(desk.b, stranger.caller) == {}
    await put_tags(desk.b, desk.caller, "AAPL", [])
    assert await tags_of(desk.b, desk.caller) == {}


@pytest.mark.parametrize("tags", [["x" * 41], ["Cash"], ["No tag"], list("abcdef"), ["a\x07"]])
async def test_tags_that_cannot_be_are_refused(desk: Desk, tags: list[str]) -> None:
    with pytest.raises(InvalidInput):
        await put_tags(desk.b, desk.caller, "AAPL", tags)


async def test_targets_are_kept_changed_and_forgotten_by_those_who_trade(desk: Desk) -> None:
    with pytest.raises(NotFound, match="no targets yet"):
        await standing_of(desk.b, desk.caller, desk.account_id)
    await wish(desk, "aapl 40 MSFT 50", cash="10", band="2.5")
    standing = await standing_of(desk.b, desk.caller, desk.account_id)
    assert sum(one.excess for one in standing.drifts) == 0
    assert {one.part for one in standing.drifts} == {"AAPL", "MSFT", "Cash"}
    for text, cash in (("AAPL 40 MSFT 50", "9"), ("NONE 100", "0"), ("^GSPC 100", "0"), ("AAPL 33.33333", "66.66667")):
        with pytest.raises(InvalidInput):
            await wish(desk, text, cash=cash)
    kept = await get_targets(desk.b, desk.caller, desk.account_id)
    assert kept is not None
    assert kept.targets.percents == {"AAPL": 40, "MSFT": 50}
    looks = await desk.person("trader")
    await share_account(desk.b, desk.caller, desk.account_id, looks.caller.email, "view")
    assert (await standing_of(desk.b, looks.caller, desk.account_id)).targets.cash_pct == 10
    with pytest.raises(NotAllowed):
        await put_targets(desk.b, looks.caller, desk.account_id, "symbol", {"AAPL": Decimal(100)})
    with pytest.raises(NotAllowed):
        await make_rebalance_basket(desk.b, looks.caller, desk.account_id)
    await drop_targets(desk.b, desk.caller, desk.account_id)
    assert await get_targets(desk.b, desk.caller, desk.account_id) is None


async def test_a_proposal_says_trades_cost_and_tax_and_becomes_a_basket_that_brings_it_there(desk: Desk) -> None:
    await wish(desk, "AAPL 30 MSFT 60", cash="10", band="1")
    await tell(desk, "4000000", aapl="110.00/110.05")
    found = await propose_trades(desk.b, desk.caller, desk.account_id)
    assert [(one.side, one.symbol) for one in found.trades] == [("sell", "AAPL"), ("buy", "MSFT")]
    assert (found.method, found.long_gain) == ("fifo", 0)
    assert found.short_gain > 1000
    assert found.cost > 0
    assert found.drift_pct is not None
    assert found.drift_pct_after is not None
    assert found.drift_pct_after < found.drift_pct
    before = len(await list_orders(desk.b, desk.caller))
    basket = await make_rebalance_basket(desk.b, desk.caller, desk.account_id)
    assert (basket.head.source, basket.state) == ("rebalance", "draft")
    assert len(await list_orders(desk.b, desk.caller)) == before
    review = await review_basket(desk.b, desk.caller, basket.head.id)
    assert [one.refusals for one in review.lines] == [[], []]
    await carry_out(desk, basket, 6)
    after = await standing_of(desk.b, desk.caller, desk.account_id)
    assert after.drift_pct is not None
    assert after.drift_pct < found.drift_pct / 5, "a market order sets aside more than it costs, so some is left over"
    await carry_out(desk, await make_rebalance_basket(desk.b, desk.caller, desk.account_id), 9)
    with pytest.raises(Refused, match="nothing to trade"):
        await make_rebalance_basket(desk.b, desk.caller, desk.account_id)
    await check_books(desk.b.db)


async def carry_out(desk: Desk, basket: Basket, million: int) -> None:
    """Send it, and again when its sales have filled."""
    read = {one.place: ALL_READ for one in basket.lines}
    for volume in (million, million + 1, million + 2):
        review = await review_basket(desk.b, desk.caller, basket.head.id)
        seen = {one.line.place: one.preview.est_price for one in review.lines if one.preview and one.preview.est_price}
        await send_basket(desk.b, desk.caller, basket.head.id, basket.hash, read, seen, wait_secs=0)
        await desk.broker.drain()
        await tell(desk, f"{volume}000000", aapl="110.00/110.05")


async def test_with_new_cash_alone_nothing_is_sold_and_no_more_is_set_aside_than_was_said(desk: Desk) -> None:
    await wish(desk, "AAPL 30 MSFT 70")
    found = await propose_trades(desk.b, desk.caller, desk.account_id, only_buy=True, spend_at_most=Decimal(3000))
    [trade] = found.trades
    assert (trade.side, trade.symbol) == ("buy", "MSFT")
    assert trade.value + trade.cost <= 3000
    parts = await propose_trades(
        desk.b, desk.caller, desk.account_id, only_buy=True, whole=False, spend_at_most=Decimal(3000)
    )
    assert trade.qty < parts.trades[0].qty < trade.qty + 1
    assert parts.trades[0].value + parts.trades[0].cost <= 3000


async def test_a_quote_without_an_ask_lets_nothing_be_overspent_and_a_doubted_one_is_not_traded(desk: Desk) -> None:
    await wish(desk, "AAPL 30 MSFT 70")
    one = quote("MSFT 200.00/200.10", volume="4000000")
    await desk.tell(replace(one, ask=None, ask_size=None))
    found = await propose_trades(desk.b, desk.caller, desk.account_id, only_buy=True, spend_at_most=Decimal(3000))
    assert sum(trade.value + trade.cost for trade in found.trades) <= 3000
    await desk.tell(replace(one, condition="suspect"))
    found = await propose_trades(desk.b, desk.caller, desk.account_id, only_buy=True, spend_at_most=Decimal(3000))
    assert found.trades == []
    assert any("MSFT cannot be traded now" in words for words in found.notes)


async def test_targets_by_sector_and_class_trade_what_is_held(desk: Desk) -> None:
    await wish(desk, "Technology 50", by="sector", cash="50")
    found = await propose_trades(desk.b, desk.caller, desk.account_id)
    assert [(one.side, one.symbol) for one in found.trades] == [("sell", "AAPL")]
    await wish(desk, "Funds 50 Shares 50", by="class")
    found = await propose_trades(desk.b, desk.caller, desk.account_id)
    assert any("Funds stays below its band: nothing of it is held" in one for one in found.left_out)


async def test_a_loss_is_told_with_the_wash_sale_it_may_be(desk: Desk) -> None:
    await wish(desk, "MSFT 100")
    await tell(desk, "4000000", aapl="90.00/90.05")
    found = await propose_trades(desk.b, desk.caller, desk.account_id)
    assert found.short_gain < -4000
    assert any("AAPL would be sold partly at a loss" in one and "wash sale" in one for one in found.notes)
    assert any("AAPL has no target, which counts as 0 %" in one for one in found.notes)


def test_the_tax_of_a_sale_follows_the_lot_method_and_the_year() -> None:
    def lot(number: int, opened_on: date, qty: str, basis: str) -> Lot:
        return Lot(str(number), str(number), number, "x", "AAPL", opened_on, opened_on, Decimal(qty), Decimal(basis))

    lots = [lot(1, date(2019, 1, 2), "10", "500"), lot(2, date(2021, 1, 4), "10", "900")]
    sale = Trade("AAPL", "AAPL", "sell", Decimal(15), Decimal(1500), Decimal("1.50"))
    on = date(2021, 3, 1)
    cases = {"fifo": ("49.50", "499.00"), "lifo": ("99.00", "249.50"), "hifo": ("99.00", "249.50")}
    for method, (short, long) in cases.items():
        tax = tax_of_sale(sale, lots, method, on)  # type: ignore[arg-type]
        assert (tax.short_gain, tax.long_gain) == (Decimal(short), Decimal(long)), method
    whole = tax_of_sale(sale, lots, "average", on)
    assert whole.short_gain + whole.long_gain == Decimal("1498.50") - 1050
