"""ISIN and FIGI: check digits, the mapping API, and the way from what was typed to a symbol, or to words."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.egress.failures import FailureKind, VendorFailure
from starkmatter.errors import InvalidInput, NotFound, Unavailable
from starkmatter.market.errands import CHANNEL
from starkmatter.market.failover import Failover
from starkmatter.market.identifiers import Identifier, read_identifier
from starkmatter.market.lookup import find_by_identifier, find_symbols
from starkmatter.market.market_feed import InPlay, MarketFeed
from starkmatter.market.ports import Named
from starkmatter.market.providers.massive import MassiveProvider
from starkmatter.market.providers.openfigi import OpenFigi
from starkmatter.market.providers.yahoo import YahooProvider
from starkmatter.market.service import get_instrument
from starkmatter.settings import load_settings
from tests.market.test_market_feed import QUICK, WIDE
from tests.market_hours import Vendors, open_now, vendors_at
from tests.standins.massive import KEY, massive
from tests.standins.openfigi import OpenFigi as StandIn
from tests.standins.openfigi import openfigi

APPLE, BERKSHIRE, VISA, BOND = "US0378331005", "US0846707026", "US92826C8394", "US912810TL26"
APPLE_FIGI, APPLE_SHARE = "BBG000B9XRY4", "BBG001S5N8V8"


@pytest.mark.parametrize("text", [APPLE, f" {APPLE.lower()} ", BERKSHIRE, VISA, BOND])
def test_an_isin_is_recognized(text: str) -> None:
    assert read_identifier(text) == Identifier("isin", text.strip().upper())


@pytest.mark.parametrize("text", [APPLE_FIGI, APPLE_SHARE, APPLE_FIGI.lower()])
def test_a_figi_is_recognized_and_taken_for_no_isin_of_barbados(text: str) -> None:
    assert read_identifier(text) == Identifier("figi", text.upper())


@pytest.mark.parametrize("text", ["", "AAPL", "berkshire ha", "BERKSHIREHAT", "apple inc 12", "^GSPC", "US037833100"])
def test_a_name_or_a_symbol_is_none(text: str) -> None:
    assert read_identifier(text) is None


@pytest.mark.parametrize(
    ("text", "name"), [("US0378331006", "ISIN"), ("XX0378331005", "ISIN"), ("BBG000B9XRY5", "FIGI")]
)
def test_a_wrong_check_digit_or_country_is_told_in_words(text: str, name: str) -> None:
    with pytest.raises(InvalidInput, match=f"{text} is no {name}"):
        read_identifier(text)


@given(st.integers(0, 11), st.sampled_from("0123456789"))
def test_one_mistyped_digit_is_always_noticed(place: int, digit: str) -> None:
    typed = APPLE[:place] + digit + APPLE[place + 1 :]
    if typed == APPLE:
        return
    with suppress(InvalidInput):
        assert read_identifier(typed) is None  # its country is no letters any more


# --- the mapping API --------------------------------------------------------------------------------------------------


@dataclass
class Figi:
    """The stand-in and the adapter that leads there."""

    there: StandIn
    source: OpenFigi


@pytest.fixture
def figi(tmp_path: Path) -> Iterator[Figi]:
    with openfigi() as there:
        settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": there.urls})
        yield Figi(there, OpenFigi(settings, read_secs=8.0))


async def test_an_isin_is_mapped_to_the_symbol_in_our_spelling(figi: Figi) -> None:
    apple = await figi.source.named(Identifier("isin", APPLE))
    assert apple == Named("AAPL", "APPLE INC", APPLE_FIGI)
    berkshire = await figi.source.named(Identifier("isin", BERKSHIRE))
    assert berkshire is not None
    assert berkshire.symbol == "BRK.B"
    assert figi.there.jobs[0] == {"idType": "ID_ISIN", "idValue": APPLE, "exchCode": "US"}


@pytest.mark.parametrize("value", [APPLE_FIGI, APPLE_SHARE])
async def test_a_figi_may_be_of_a_listing_or_of_the_share(figi: Figi, value: str) -> None:
    found = await figi.source.named(Identifier("figi", value))
    assert found is not None
    assert found.symbol == "AAPL"
    assert figi.there.asked == ["/v3/mapping"], "one question"


async def test_what_is_unknown_or_no_share_stands_for_nothing(figi: Figi) -> None:
    assert await figi.source.named(Identifier("isin", "DE0007164600")) is None
    assert await figi.source.named(Identifier("isin", BOND)) is None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(429, "rate_limited"), (500, "broken"), ("garbage", "garbage"), ("wrong", "garbage"), ("drop", "unreachable")],
)
async def test_a_failure_is_no_answer(figi: Figi, fault: int | str, kind: FailureKind) -> None:
    figi.there.fault = fault
    with pytest.raises(VendorFailure) as caught:
        await figi.source.named(Identifier("isin", APPLE))
    assert caught.value.kind == kind


@pytest.mark.parametrize("body", [b"[]", b'[{"surprise": 1}]', b'[{"data": "?"}]', b'[{"data": [1]}]', b"[1]", b"{}"])
async def test_an_answer_of_another_shape_is_a_failure(figi: Figi, body: bytes) -> None:
    figi.there.spoil = lambda raw: body
    with pytest.raises(VendorFailure) as caught:
        await figi.source.named(Identifier("isin", APPLE))
    assert caught.value.kind == "garbage"


@pytest.mark.parametrize(
    "row", [b'{"marketSector": "Equity"}', b'{"ticker": 5}', b'{"ticker": "<b>", "marketSector": 1}']
)
async def test_a_row_that_is_no_symbol_stands_for_nothing(figi: Figi, row: bytes) -> None:
    figi.there.spoil = lambda raw: b'[{"data": [' + row + b"]}]"
    assert await figi.source.named(Identifier("isin", APPLE)) is None


# --- from what was typed to a symbol ----------------------------------------------------------------------------------


@pytest.fixture
def vendors(tmp_path: Path) -> Iterator[Vendors]:
    with vendors_at(tmp_path) as started:
        yield started


@asynccontextmanager
async def running(db: Database, cache: Redis, vendors: Vendors, figi: Figi) -> AsyncIterator[None]:
    failover = Failover([YahooProvider(vendors.settings, tries=1, read_secs=8.0, plan=WIDE)])

    async def sources() -> Failover:
        return failover

    async def in_play() -> InPlay:
        return InPlay([], accounts=False)

    async def on_batch(*_: object) -> None:
        return

    stop = asyncio.Event()
    feed = MarketFeed(db, cache, sources, in_play, on_batch, pace=QUICK, identifiers=figi.source)
    task = asyncio.create_task(feed.run(stop))
    try:
        async with asyncio.timeout(20):
            while not (await cache.pubsub_numsub(CHANNEL))[0][1]:
                await asyncio.sleep(0.02)
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_an_isin_ends_at_its_symbol_which_is_known_from_then_on(
    database: Database, cache: Redis, vendors: Vendors, figi: Figi
) -> None:
    await open_now(database)
    async with running(database, cache, vendors, figi):
        hits, words = await find_symbols(database, cache, "market", BERKSHIRE.lower(), 8)
        assert ([one.symbol for one in hits], words) == (["BRK.B"], "")
        hits, _ = await find_symbols(database, cache, "market", APPLE_SHARE, 8)
        assert [one.symbol for one in hits] == ["AAPL"]
    known = await get_instrument(database, "BRK.B", venue="market")
    assert (known.isin, known.figi) == (BERKSHIRE, "BBG000DWG505")
    asked = len(figi.there.asked)
    # Nobody is there any more, and nobody needs to be.
    again = await find_by_identifier(database, cache, Identifier("isin", BERKSHIRE))
    assert again is not None
    assert (await find_by_identifier(database, cache, Identifier("figi", APPLE_FIGI))) is not None
    assert len(figi.there.asked) == asked


async def test_where_there_is_nothing_the_words_say_why(
    database: Database, cache: Redis, vendors: Vendors, figi: Figi
) -> None:
    await open_now(database)
    async with running(database, cache, vendors, figi):
        for value, kind, why in (
            ("DE0007164600", NotFound, "ISIN DE0007164600 stands for nothing that is listed in the United States."),
            (VISA, NotFound, "is V, VISA INC-CLASS A, which no source of market data offers."),
            ("US0378331006", InvalidInput, "US0378331006 is no ISIN"),
        ):
            with pytest.raises(kind, match=why):
                await find_symbols(database, cache, "market", value, 8)
        with pytest.raises(NotFound):
            await find_by_identifier(database, cache, Identifier("isin", VISA))
        figi.there.fault = 500
        with pytest.raises(Unavailable, match="OpenFIGI"):
            await find_by_identifier(database, cache, Identifier("isin", APPLE))
        hits, words = await find_symbols(database, cache, "market", APPLE, 8)
        assert (hits, "OpenFIGI" in words) == ([], True)
    assert await find_symbols(database, cache, "market", APPLE, 8, ask_sources=False) == ([], "")


async def test_a_source_that_tells_the_figi_is_believed(tmp_path: Path) -> None:
    with massive() as there:
        settings = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VENDOR_URLS": there.urls})
        found = await MassiveProvider(settings, {"api_key": KEY}, plan=WIDE).search("apple")
    assert [(one.symbol, one.figi) for one in found] == [("AAPL", APPLE_FIGI)]
