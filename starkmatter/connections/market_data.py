"""Keys for market data: what a person reads and enters, and how they are tried."""

from collections.abc import Awaitable, Callable, Mapping

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.egress.plan import Plan, check_plan
from starkmatter.market.providers import alpaca, alphavantage, finnhub, massive, twelvedata
from starkmatter.settings import Settings


def _plan_fields(free: Plan) -> tuple[ConnectionField, ...]:
    """What the plan allows; the free one's figures until others are entered."""
    per_day = str(free.per_day) if free.per_day else ""
    return (
        ConnectionField("per_min", "Requests a minute in your plan", secret=False, default=f"{free.per_min:g}"),
        ConnectionField(
            "per_day", "Requests a day", secret=False, required=False, default=per_day, hint="0 for no limit"
        ),
    )


def _tested(test_keys: Callable[[Settings, Mapping[str, str]], Awaitable[str]]) -> Callable[..., Awaitable[str]]:
    async def test(b: Backends, secrets: Secrets) -> str:
        return await test_keys(b.settings, secrets)

    return test


ALPACA_DATA = ConnectionKind(
    kind=alpaca.KIND,
    title="Alpaca market data",
    scope="installation",
    adds="Stock quotes as they happen for everybody's market accounts; without it Yahoo Finance is asked every few "
    "seconds.",
    fields=(
        ConnectionField("key_id", "Key ID", hint="PK…"),
        ConnectionField("secret", "Secret key"),
        ConnectionField("feed", "Feed", secret=False, default=alpaca.FEEDS[0], choices=alpaca.FEEDS),
        *_plan_fields(alpaca.FREE),
    ),
    test=_tested(alpaca.test_keys),
    where="Alpaca's dashboard, API keys. The free plan has iex; delayed_sip is 15 minutes late and only to look at.",
    check=check_plan,
)

MASSIVE = ConnectionKind(
    kind=massive.KIND,
    title="Massive",
    scope="installation",
    adds="Bars of ten years and, with a paid plan, every trade and quote of US stocks as it happens (Polygon.io's new "
    "name).",
    fields=(ConnectionField("api_key", "API key"), *_plan_fields(massive.FREE)),
    test=_tested(massive.test_keys),
    where="massive.com, dashboard, API keys. The free plan has 5 requests a minute and no live quotes: with a paid "
    "one, have it asked earlier.",
    check=check_plan,
)

FINNHUB = ConnectionKind(
    kind=finnhub.KIND,
    title="Finnhub",
    scope="installation",
    adds="Trades of up to 50 US stocks as they happen, on the free plan too.",
    fields=(ConnectionField("api_key", "API key"), *_plan_fields(finnhub.FREE)),
    test=_tested(finnhub.test_keys),
    where="finnhub.io, dashboard. The free plan has 60 requests a minute; bars need a paid one.",
    check=check_plan,
)

TWELVEDATA = ConnectionKind(
    kind=twelvedata.KIND,
    title="Twelve Data",
    scope="installation",
    adds="Another source of quotes and bars of US stocks, for when the first ones do not answer.",
    fields=(ConnectionField("api_key", "API key"), *_plan_fields(twelvedata.FREE)),
    test=_tested(twelvedata.test_keys),
    where="twelvedata.com, API keys. The free plan has 8 credits a minute and 800 a day.",
    check=check_plan,
)

ALPHAVANTAGE = ConnectionKind(
    kind=alphavantage.KIND,
    title="Alpha Vantage",
    scope="installation",
    adds="A last resort for daily bars and closes.",
    fields=(ConnectionField("api_key", "API key"), *_plan_fields(alphavantage.FREE)),
    test=_tested(alphavantage.test_keys),
    where="alphavantage.co, API key. The free plan has 25 requests a day.",
    check=check_plan,
)

MARKET_DATA = (ALPACA_DATA, MASSIVE, FINNHUB, TWELVEDATA, ALPHAVANTAGE)
