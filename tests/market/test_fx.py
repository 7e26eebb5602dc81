"""The euro's reference rates: fetched, judged, kept, and asked for; broken answers and archives that mean harm."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from starkmatter.db.database import Database
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import InvalidInput, NotFound, StarkMatterError
from starkmatter.market.fx.service import newest_day, rate, update
from starkmatter.market.health import newest_refusals
from starkmatter.market.providers.ecb import DAILY, HISTORY, MAX_CSV_BYTES, EcbRates
from starkmatter.settings import load_settings
from tests.standins.ecb import Ecb, ecb, zipped

# Wednesday the 25th is known, Thursday's are due at 16:00 in Frankfurt.
WEDNESDAY = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
THURSDAY = WEDNESDAY + timedelta(days=1)
TODAY = {"USD": "1.0900", "JPY": "168.00", "GBP": "0.84", "CHF": "0.95"}


@dataclass
class Bank:
    """The stand-in and the adapter that leads there."""

    there: Ecb
    rates: EcbRates


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    with ecb() as there:
        settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": there.urls})
        yield Bank(there, EcbRates(settings, tries=1, read_secs=8.0))


async def test_the_first_time_all_days_come_and_then_the_newest(database: Database, bank: Bank) -> None:
    assert await update(database, bank.rates, WEDNESDAY) == "17 rates new or changed, known up to 2026-11-25"
    assert await update(database, bank.rates, WEDNESDAY) == "rates are known up to 2026-11-25"
    assert bank.there.asked == [HISTORY]
    bank.there.rates = {"2026-11-26": TODAY, **bank.there.rates}
    assert await update(database, bank.rates, THURSDAY) == "4 rates new or changed, known up to 2026-11-26"
    assert bank.there.asked == [HISTORY, DAILY]


async def test_a_day_that_is_late_is_asked_for_again(database: Database, bank: Bank) -> None:
    await update(database, bank.rates, WEDNESDAY)
    assert await update(database, bank.rates, THURSDAY) == "0 rates new or changed, known up to 2026-11-25"
    bank.there.rates = {"2026-11-26": TODAY, **bank.there.rates}
    await update(database, bank.rates, THURSDAY + timedelta(hours=1))
    assert await newest_day(database) == date(2026, 11, 26)


async def test_after_days_without_us_all_that_is_missing_comes(database: Database, bank: Bank) -> None:
    await update(database, bank.rates, WEDNESDAY)
    bank.there.rates = {"2026-11-30": TODAY, "2026-11-27": TODAY, "2026-11-26": TODAY, **bank.there.rates}
    await update(database, bank.rates, datetime(2026, 11, 30, 18, tzinfo=UTC))
    assert (await rate(database, "EUR", "USD", date(2026, 11, 26))).rate == Decimal("1.0900")


async def test_a_weekend_is_no_gap(database: Database, bank: Bank) -> None:
    bank.there.rates = {"2026-11-27": TODAY, **bank.there.rates}
    await update(database, bank.rates, datetime(2026, 11, 27, 18, tzinfo=UTC))
    bank.there.rates = {"2026-11-30": TODAY, **bank.there.rates}
    await update(database, bank.rates, datetime(2026, 11, 30, 18, tzinfo=UTC))
    assert bank.there.asked == [HISTORY, DAILY]


async def test_a_correction_replaces_what_was_told(database: Database, bank: Bank) -> None:
    await update(database, bank.rates, WEDNESDAY)
    bank.there.rates["2026-11-24"]["USD"] = "1.0822"
    bank.there.rates = {"2026-11-27": TODAY, "2026-11-26": TODAY, **bank.there.rates}
    words = await update(database, bank.rates, datetime(2026, 11, 27, 18, tzinfo=UTC))
    assert words == "9 rates new or changed, known up to 2026-11-27"
    assert (await rate(database, "EUR", "USD", date(2026, 11, 24))).rate == Decimal("1.0822")


async def test_a_pair_goes_through_the_euro_and_names_its_day_and_source(database: Database, bank: Bank) -> None:
    await update(database, bank.rates, WEDNESDAY)
    found = await rate(database, "usd", "JPY", date(2026, 11, 29))
    assert (found.day, found.source, found.on) == (date(2026, 11, 25), "ecb", date(2026, 11, 29))
    assert found.rate == Decimal("155.273329652")
    assert (await rate(database, "USD", "EUR", date(2026, 11, 25))).rate == Decimal("0.920301859010")
    itself = await rate(database, "GBP", "GBP", date(2026, 11, 25))
    assert (itself.rate, itself.source) == (1, "")
    assert (await rate(database, "EUR", "EUR", date(1990, 1, 1))).rate == 1


@pytest.mark.parametrize(
    ("base", "quote", "on", "kind", "words"),
    [
        ("EUR", "RUB", "2022-03-11", None, ""),
        ("EUR", "RUB", "2022-03-12", NotFound, "11 days earlier: too old"),
        ("USD", "RUB", "2026-11-25", NotFound, "too old to be used"),
        ("USD", "XAU", "2026-11-25", NotFound, "no reference rate of XAU"),
        ("XAU", "XAU", "2026-11-25", NotFound, "no reference rate of XAU"),
        ("USD", "JPY", "1998-12-31", NotFound, "no rate of USD in JPY on or before 1998-12-31"),
        ("US", "JPY", "2026-11-25", InvalidInput, "three letters"),
        ("USD", "J1Y", "2026-11-25", InvalidInput, "three letters"),
    ],
)
async def test_where_there_is_no_rate_the_words_say_why(
    database: Database, bank: Bank, base: str, quote: str, on: str, kind: type[StarkMatterError] | None, words: str
) -> None:
    await update(database, bank.rates, WEDNESDAY)
    if kind is None:
        assert (await rate(database, base, quote, date.fromisoformat(on))).rate > 0
        return
    with pytest.raises(kind) as caught:
        await rate(database, base, quote, date.fromisoformat(on))
    assert words in caught.value.text


async def test_before_any_rate_is_stored_that_is_said(database: Database) -> None:
    with pytest.raises(NotFound, match="No exchange rates are stored yet"):
        await rate(database, "EUR", "USD", date(2026, 11, 25))


async def test_what_is_no_rate_is_refused_and_counted_and_the_rest_comes_in(database: Database, bank: Bank) -> None:
    bank.there.rates = {
        "2026-11-25": {"USD": "-1.08", "JPY": "zero", "GBP": "0.84", "CHF": "0"},
        "2126-11-25": {"USD": "1.08"},
        "yesterday": {"USD": "1.08"},
    }
    words = await update(database, bank.rates, WEDNESDAY)
    assert words == "1 rates new or changed, known up to 2026-11-25, 5 refused"
    kept = await newest_refusals(database)
    assert {(one.provider, one.what) for one in kept} == {("ecb", "rate")}
    assert sum(one.times for one in kept) == 5


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY a "&lol;&lol;&lol;&lol;">]>
<Envelope><Cube><Cube time="2026-11-25"><Cube currency="USD" rate="&a;"/></Cube></Cube></Envelope>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<Envelope><Cube><Cube time="2026-11-25"><Cube currency="USD" rate="&f;"/></Cube></Cube></Envelope>"""


@pytest.mark.parametrize(
    "body", [b"<html>", b"<Envelope/>", b"\x00\xff", BOMB, OUTSIDE, b"<Envelope>" + b" " * 300_000 + b"</Envelope>"]
)
async def test_a_document_that_is_none_or_means_harm_is_a_failure(bank: Bank, body: bytes) -> None:
    bank.there.raw[DAILY] = body
    with pytest.raises(VendorFailure) as caught:
        await bank.rates.newest()
    assert caught.value.kind == "garbage"
    assert "root:" not in caught.value.excerpt


@pytest.mark.parametrize(
    "body",
    [
        b"PK\x03\x04 broken",
        b"not an archive",
        zipped("", name="readme.txt"),
        zipped("Day,USD\n2026-11-25,1.08\n"),
        zipped("Date,USD\n"),
        zipped("Date,US Dollar\n2026-11-25,1.08\n"),
        zipped(b"\xff\xfe\x00"),
        zipped(b" " * (MAX_CSV_BYTES + 1)),
    ],
    ids=["cut", "none", "no table", "no date", "no rows", "no code", "no text", "bomb"],
)
async def test_an_archive_that_is_none_or_means_harm_is_a_failure(bank: Bank, body: bytes) -> None:
    bank.there.raw[HISTORY] = body
    with pytest.raises(VendorFailure) as caught:
        await bank.rates.history()
    assert caught.value.kind == "garbage"


@pytest.mark.parametrize(("fault", "kind"), [(429, "rate_limited"), (503, "broken"), ("drop", "unreachable")])
async def test_a_failure_changes_nothing(database: Database, bank: Bank, fault: int | str, kind: str) -> None:
    await update(database, bank.rates, WEDNESDAY)
    bank.there.fault = fault
    with pytest.raises(VendorFailure) as caught:
        await update(database, bank.rates, THURSDAY)
    assert caught.value.kind == kind
    assert await newest_day(database) == date(2026, 11, 25)
