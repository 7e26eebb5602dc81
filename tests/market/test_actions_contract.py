"""Corporate actions of every source that gives them: exact, empty, unknown, broken in every way, corrected later."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from starkmatter.domain.actions import CorporateAction, Dividend, EarningsDate, Split
from starkmatter.egress.failures import FailureKind, VendorFailure
from starkmatter.market.border import action_refusal_of
from starkmatter.market.failover import Failover, NoSource
from tests.market.corpus import broken
from tests.market.test_provider_contract import IMPATIENT_SECS, PATIENT_SECS, SECRETS, VENDORS, Vendor

TODAY = date(2026, 11, 26)
SPLITS = [("2014-06-09", 7, 1), ("2020-08-31", 4, 1)]
DIVIDENDS = [("2014-05-08", "2014-05-15", 3.29), ("2020-05-08", "2020-05-14", 0.82), ("2023-11-10", None, 0.24)]
EARNINGS = [("2026-12-03", "amc")]
# What some of them do not tell.
NO_PAY_DAY = {"yahoo", "twelvedata"}
SLICE = 40
KEEP = {
    "yahoo": frozenset({"splitRatio", "symbol", "exchangeTimezoneName", "currency", "error"}),
    "alpaca": frozenset({"process_date", "id", "special", "foreign", "next_page_token"}),
    "massive": frozenset({"historical_adjustment_factor", "adjustment_type", "distribution_type", "currency"}),
    "twelvedata": frozenset({"description", "meta", "status"}),
    "alphavantage": frozenset({"declaration_date", "record_date", "symbol"}),
    "finnhub": frozenset({"declarationDate", "recordDate", "adjustedAmount", "freq", "currency"}),
}


def _vendors(what: str) -> list[str]:
    with ExitStack() as stack:
        return [name for name, make in VENDORS.items() if what in make(stack, Path("/tmp")).provider.capability.gives]


@pytest.fixture
def vendor(request: pytest.FixtureRequest, tmp_path: Path):
    with ExitStack() as stack:
        yield VENDORS[request.param](stack, tmp_path)


tells_actions = pytest.mark.parametrize("vendor", _vendors("actions"), indirect=True)
tells_earnings = pytest.mark.parametrize("vendor", _vendors("earnings"), indirect=True)


def _name(vendor: Vendor) -> str:
    return vendor.provider.capability.adapter


def _fill(vendor: Vendor) -> None:
    vendor.there.splits = {"AAPL": list(SPLITS)}
    vendor.there.dividends = {"AAPL": list(DIVIDENDS)}
    vendor.there.earnings = {"AAPL": list(EARNINGS)}


def _expected(name: str) -> list[CorporateAction]:
    splits = [Split("AAPL", date.fromisoformat(on), Decimal(new), Decimal(old), name) for on, new, old in SPLITS]
    days = [(date.fromisoformat(on), pay_on, Decimal(str(amount))) for on, pay_on, amount in DIVIDENDS]
    paid = [
        Dividend("AAPL", on, amount, "USD", date.fromisoformat(pay_on) if pay_on else None, name)
        for on, pay_on, amount in days
    ]
    return [*splits, *(replace(one, pay_on=None) if name in NO_PAY_DAY else one for one in paid)]


def _unpaid(one: CorporateAction) -> CorporateAction:
    return replace(one, pay_on=None) if isinstance(one, Dividend) else one


def _sorted(found: list[CorporateAction]) -> list[CorporateAction]:
    return sorted(found, key=lambda one: (type(one).__name__, one.ex_on))


@tells_actions
async def test_splits_and_dividends_are_told_as_they_were_declared(vendor: Vendor) -> None:
    _fill(vendor)
    found = await vendor.provider.actions("AAPL")
    assert _sorted(found) == _sorted(_expected(_name(vendor)))
    assert all(action_refusal_of(one, "AAPL", TODAY) is None for one in found)


@tells_actions
async def test_a_symbol_without_actions_and_one_nobody_knows_have_none(vendor: Vendor) -> None:
    _fill(vendor)
    assert await vendor.provider.actions("MSFT") == []
    assert await vendor.provider.actions("NOPE") == []
    vendor.there.fault = "empty"
    assert await vendor.provider.actions("AAPL") == []


@tells_actions
async def test_a_correction_of_an_earlier_row_is_told_like_the_row(vendor: Vendor) -> None:
    _fill(vendor)
    await vendor.provider.actions("AAPL")
    vendor.there.dividends["AAPL"][1] = ("2020-05-08", "2020-05-14", 0.92)
    found = await vendor.provider.actions("AAPL")
    assert [one.amount for one in found if isinstance(one, Dividend) and one.ex_on.year == 2020] == [Decimal("0.92")]


@tells_earnings
async def test_dates_of_earnings_say_when_and_that_they_are_expected(vendor: Vendor) -> None:
    _fill(vendor)
    vendor.there.earnings = {"AAPL": [("2099-12-03", "amc")], "MSFT": [("2099-11-30", "bmo")]}
    hour = {"AAPL": "after_close", "MSFT": "before_open"}
    for symbol, on in (("AAPL", date(2099, 12, 3)), ("MSFT", date(2099, 11, 30))):
        assert await vendor.provider.earnings(symbol) == [EarningsDate(symbol, on, hour[symbol], True, _name(vendor))]
    assert await vendor.provider.earnings("NVDA") == []
    assert await vendor.provider.earnings("NOPE") == []


@tells_actions
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (429, "rate_limited"),
        (500, "broken"),
        ("garbage", "garbage"),
        ("wrong", "garbage"),
        ("hang", "unreachable"),
        ("drop", "unreachable"),
    ],
)
async def test_a_failure_is_never_an_answer_without_actions(
    vendor: Vendor, fault: int | str, kind: FailureKind
) -> None:
    _fill(vendor)
    vendor.there.fault = fault
    asks = [lambda one: one.actions("AAPL")]
    if "earnings" in vendor.provider.capability.gives:
        asks.append(lambda one: one.earnings("AAPL"))
    for ask in asks:
        with pytest.raises(VendorFailure) as caught:
            await ask(vendor.make(IMPATIENT_SECS if fault == "hang" else PATIENT_SECS))
        assert caught.value.kind == kind
        assert not any(secret in caught.value.text + caught.value.excerpt for secret in SECRETS)


@tells_actions
def test_whatever_is_broken_comes_in_right_or_is_counted(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starkmatter.egress.line.BREAKER_THRESHOLD", 10**9)
    _fill(vendor)
    # A pay date that is gone is one the source does not tell.
    good = {_unpaid(one) for one in _expected(_name(vendor))}
    failover = Failover([vendor.provider])

    def counted() -> int:
        return sum(one.refused + one.failures for one in failover.health.sources.values())

    with asyncio.Runner() as runner:
        for seed in range(SLICE):
            done: list[str] = []

            def spoil(raw: bytes, seed: int = seed, done: list[str] = done) -> bytes:
                name, body = broken(seed, raw, KEEP[_name(vendor)])
                done.append(name)
                return body

            vendor.there.spoil = spoil
            before = counted()
            try:
                found = {_unpaid(one) for one in runner.run(failover.actions("AAPL")).rows}
            except NoSource:
                found = set()
            assert found <= good, (seed, done)
            assert found == good or counted() > before, (seed, done, "nothing was counted")
    assert failover.health.take_refusals()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Split("AAPL", date(2020, 8, 31), Decimal(0), Decimal(1), "x"), "ratio 0:1 is none"),
        (Split("AAPL", date(2020, 8, 31), Decimal(4), Decimal(0), "x"), "is none"),
        (Split("AAPL", date(2020, 8, 31), Decimal("NaN"), Decimal(1), "x"), "is none"),
        (Split("AAPL", date(2020, 8, 31), Decimal(2), Decimal(2), "x"), "splits nothing"),
        (Split("AAPL", date(2020, 8, 31), Decimal(10) ** 6, Decimal(1), "x"), "out of all proportion"),
        (Split("AAPL", date(1920, 8, 31), Decimal(4), Decimal(1), "x"), "no day of such a thing"),
        (Split("AAPL", date(2120, 8, 31), Decimal(4), Decimal(1), "x"), "no day of such a thing"),
        (Split("MSFT", date(2020, 8, 31), Decimal(4), Decimal(1), "x"), "asked for AAPL, got MSFT"),
        (Dividend("AAPL", date(2020, 8, 7), Decimal("-0.5"), "USD", None, "x"), "is no dividend"),
        (Dividend("AAPL", date(2020, 8, 7), Decimal(0), "USD", None, "x"), "is no dividend"),
        (Dividend("AAPL", date(2020, 8, 7), Decimal("Infinity"), "USD", None, "x"), "is no dividend"),
        (Dividend("AAPL", date(1920, 8, 7), Decimal("0.5"), "USD", None, "x"), "no day of such a thing"),
        (Dividend("AAPL", date(2020, 8, 7), Decimal("0.5"), "USD", date(2120, 8, 7), "x"), "paid on"),
        (Dividend("AAPL", date(2020, 8, 7), Decimal("0.5"), "", None, "x"), "no currency"),
        (EarningsDate("AAPL", date(1926, 8, 7), "unknown", False, "x"), "no day of such a thing"),
    ],
)
def test_what_cannot_be_is_refused_in_words(action: CorporateAction | EarningsDate, words: str) -> None:
    assert words in (action_refusal_of(action, "AAPL", TODAY) or "")
