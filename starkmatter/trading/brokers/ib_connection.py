"""The connection to one's own TWS or IB Gateway: a place instead of keys, and which account behind it is meant."""

import asyncio
import ipaddress
from collections.abc import Mapping
from typing import NoReturn

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import InvalidInput, Refused
from starkmatter.settings import Settings
from starkmatter.trading.brokers.ib_words import ANSWERS, VENDOR

KIND = "ib"
CONNECT_SECS = 5.0


def chosen_account(accounts: list[str], meant: str) -> str:
    """The account meant, of those that TWS manages; InvalidInput in words when it is none."""
    if meant:
        if meant not in accounts:
            raise InvalidInput(f"TWS manages {', '.join(accounts)}, not {meant}.")
        return meant
    if len(accounts) == 1:
        return accounts[0]
    raise InvalidInput(f"Say which account is meant: TWS manages {', '.join(accounts)}.")


def check(values: Mapping[str, str]) -> None:
    """InvalidInput for what cannot be a place or a number."""
    if not values["host"].isascii() or any(one in values["host"] for one in "/@ "):
        raise InvalidInput("Host: a name or an address, such as 127.0.0.1.")
    if not (values["port"].isdigit() and 0 < int(values["port"]) < 65_536):
        raise InvalidInput("Port: a number; 4002 is IB Gateway on paper, 4001 live, 7497 and 7496 are those of TWS.")
    if not (values["client"].isdigit() and 0 < int(values["client"]) < 10_000):
        raise InvalidInput("Client id: a number from 1 on that no other program uses at this TWS.")


def check_place(settings: Settings, values: Mapping[str, str]) -> None:
    """Refused for another machine unless the network is said to be one's own: the socket is not encrypted."""
    host = values["host"].strip("[]")
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    if not here and not settings.allow_plaintext:
        raise Refused(
            "TWS speaks without encryption: on another machine it is reached only in a network that is yours alone, "
            "which the operator says with STARKMATTER_ALLOW_PLAINTEXT=true."
        )


async def test_keys(b: Backends, secrets: Secrets) -> str:
    """Whether somebody listens there. The account itself is read by the worker, which has the SDK."""
    check_place(b.settings, secrets)
    try:
        async with asyncio.timeout(CONNECT_SECS):
            reader, writer = await asyncio.open_connection(secrets["host"], int(secrets["port"]))
            asked = b"v157..178"
            writer.write(b"API\0" + len(asked).to_bytes(4, "big") + asked)
            size = int.from_bytes(await reader.readexactly(4), "big")
            version = (await reader.readexactly(min(size, 64))).split(b"\0")[0].decode("ascii", "replace")
            writer.close()
    except (TimeoutError, OSError, EOFError):
        _not_there(secrets)
    if not version.isdigit():
        raise ANSWERS.garbage("greeting")
    return f"TWS or IB Gateway answers (version {version}). Open the account to see it."


def _not_there(secrets: Mapping[str, str]) -> NoReturn:
    raise VendorFailure(
        VENDOR,
        "unreachable",
        f"Nobody answers at {secrets['host']}:{secrets['port']}. Start TWS or IB Gateway, log in, and allow its API "
        "(Configuration, API, Settings).",
    ) from None


CONNECTION = ConnectionKind(
    kind=KIND,
    title="Interactive Brokers",
    scope="person",
    adds="Opens the account behind your own TWS or IB Gateway: a paper account, or a live one. "
    "A live account is real money: orders for it are refused until you turn live trading on under Settings, Limits.",
    fields=(
        ConnectionField("host", "Host", secret=False, default="127.0.0.1"),
        ConnectionField("port", "Port", secret=False, default="4002", hint="4002 Gateway, 7497 TWS"),
        ConnectionField("client", "Client id", secret=False, default="17"),
        ConnectionField("mode", "Account is", secret=False, default="paper", choices=("paper", "live")),
        ConnectionField("account", "Account", secret=False, required=False, hint="DU…, if it manages several"),
    ),
    test=test_keys,
    check=check,
    where="TWS or IB Gateway, Configuration, API, Settings: enable socket clients; read-only off to trade on paper.",
)
