"""Keys for market data: what a person reads and enters, and how they are tried."""

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.market.providers.alpaca import FEEDS, KIND, test_keys


async def _test(b: Backends, secrets: Secrets) -> str:
    return await test_keys(b.settings, secrets)


ALPACA_DATA = ConnectionKind(
    kind=KIND,
    title="Alpaca market data",
    scope="installation",
    adds="Stock quotes as they happen for everybody's market accounts; without it Yahoo Finance is asked every few "
    "seconds.",
    fields=(
        ConnectionField("key_id", "Key ID", hint="PK…"),
        ConnectionField("secret", "Secret key"),
        ConnectionField("feed", "Feed", secret=False, default=FEEDS[0], choices=FEEDS),
    ),
    test=_test,
    where="Alpaca's dashboard, API keys. The free plan has iex; delayed_sip is 15 minutes late and only to look at.",
)
