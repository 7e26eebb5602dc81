"""What the browser knows of symbols: the same as the server, decimal for decimal and hour for hour."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import starkmatter.ui.live
from starkmatter.domain.instruments import class_of, price_decimals
from starkmatter.domain.market_hours import RULED, clock_of, rule_of
from starkmatter.domain.pairs import LISTED
from tests.builders import open_clock

LIVE = Path(starkmatter.ui.live.__file__).parent
SYMBOLS = [*LISTED, "AAPL", "BRK.B", "^GSPC", "EUR-SEK", "USD-USD", "BTC-EUR", "EURUSD", "PEPE24478-USD", "KO-US", ""]
PRICES = ["64250.5", "100", "99.99", "1", "0.5", "0.01", "0.00999", "0.00000812"]
HOURS = [datetime(2026, 10, 30, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(4 * 24 * 10)]
# The weeks in which the clocks of New York change, forward and back.
STAMPS = [datetime(2026, *day, tzinfo=UTC) + timedelta(hours=n) for day in ((3, 6), (10, 29)) for n in range(24 * 8)]
SCRIPT = """
import { classOf, decimalsOf, hoursOf, stateOf } from "%(live)s/symbols.js";
import { dayOf, shown, when } from "%(live)s/chartbars.js";
const { symbols, prices, hours, stamps } = JSON.parse(await Bun.stdin.text());
const clock = { state: "closed" };
console.log(JSON.stringify({
  classes: symbols.map(classOf),
  decimals: symbols.map((one) => prices.map((price) => decimalsOf(one, +price))),
  states: ["EUR-USD", "BTC-USD", "AAPL"].map((one) => hours.map((at) => stateOf(one, clock, at))),
  words: ["EUR-USD", "BTC-USD", "AAPL"].map((one) => hours.map((at) => hoursOf(one, at))),
  days: ["EUR-USD", "BTC-USD", "AAPL"].map((one) => stamps.map((at) => dayOf(at, one))),
  shown: ["EUR-USD", "BTC-USD"].map((one) => stamps.map((at) => shown(at, "1h", one))),
  when: [when(stamps[0], "1h", "BTC-USD"), when(1764280800, "1d", "EUR-USD"), when(1764280800, "1h", "EUR-USD")],
}));
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:  # type: ignore[type-arg]
    bun = shutil.which("bun", path=str(Path(sys.executable).parent)) or shutil.which("bun")
    assert bun is not None
    script = tmp_path_factory.mktemp("js") / "told.js"
    script.write_text(SCRIPT % {"live": LIVE})
    asked = {
        "symbols": SYMBOLS,
        "prices": PRICES,
        "hours": [int(at.timestamp() * 1_000) for at in HOURS],
        "stamps": [int(at.timestamp()) for at in STAMPS],
    }
    done = subprocess.run([bun, str(script)], input=json.dumps(asked), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, list] = json.loads(done.stdout)  # type: ignore[type-arg]
    return found


def test_both_say_what_a_symbol_is(told: dict[str, list]) -> None:  # type: ignore[type-arg]
    assert told["classes"] == [class_of(symbol) for symbol in SYMBOLS]


def test_both_write_prices_with_as_many_decimals(told: dict[str, list]) -> None:  # type: ignore[type-arg]
    assert told["decimals"] == [[price_decimals(one, Decimal(price)) for price in PRICES] for one in SYMBOLS]


def test_both_know_when_a_market_is_open(told: dict[str, list]) -> None:  # type: ignore[type-arg]
    closed = open_clock(venue="market", run_id=None, state="closed")
    for symbol, states in zip(("EUR-USD", "BTC-USD", "AAPL"), told["states"], strict=True):
        clocks = [clock_of(symbol, type(closed)(**_fields(closed) | {"venue_now": at})) for at in HOURS]
        assert states == [one.state for one in clocks], symbol
    pair, coin, share = told["words"]
    assert set(coin) == {"Always open"}
    assert set(share) == {""}
    assert {words.split()[0] for words in pair} == {"Open", "Opens", "Closed"}


def _fields(clock: object) -> dict[str, object]:
    return {name: getattr(clock, name) for name in clock.__slots__}  # type: ignore[attr-defined]


def test_both_date_the_days_of_bars_alike(told: dict[str, list]) -> None:  # type: ignore[type-arg]
    for symbol, days in zip(("EUR-USD", "BTC-USD"), told["days"], strict=False):
        for at, day in zip(STAMPS, days, strict=True):
            assert datetime.fromtimestamp(day, UTC).date() == rule_of(symbol).day_of(at)


def test_a_charts_time_only_goes_forward_when_the_clocks_change(told: dict[str, list]) -> None:  # type: ignore[type-arg]
    pair, coin = told["shown"]
    assert coin == [int(at.timestamp()) for at in STAMPS]
    trading = [shown for at, shown in zip(STAMPS, pair, strict=True) if RULED["fx"].session_at(at) is not None]
    assert trading == sorted(set(trading))
    assert told["when"] == ["Fri, Mar 6, 00:00 UTC", "Fri, Nov 28, 2025", "Thu, Nov 27, 17:00"]
