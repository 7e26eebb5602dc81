"""Schwab as a broker, through schwab-py over our guarded way out, with nothing ever sent twice.

Schwab keeps no id of ours: an order is known by the number in the answer to it, which the books keep, and one whose
answer was lost is looked for by all its terms (`recognizing`). Its own stream is left out: what it tells is not
documented, so orders are asked for every few seconds. Accounts here are of real money, so they are only looked at in
this version.

Vendor address (STARKMATTER_VENDOR_URLS): `schwab`. The SDK is imported on first use, in the worker.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starkmatter.accounts.vault import Secrets
from starkmatter.clock import utc_now
from starkmatter.domain.money import ZERO
from starkmatter.domain.order_groups import legs_of
from starkmatter.domain.orders import OrderRequest, OrderStatus
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import retry_after_secs
from starkmatter.egress.line import Line
from starkmatter.egress.sdk import load
from starkmatter.settings import Settings
from starkmatter.trading.brokers.leaving import leaving
from starkmatter.trading.brokers.polling import follow_by_asking
from starkmatter.trading.brokers.recognizing import EARLY, LATE, recognized
from starkmatter.trading.brokers.schwab_sign_in import KIND, ORIGIN, chosen_account, number_of, sign_in_ended, url_of
from starkmatter.trading.brokers.schwab_words import (
    ANSWERS,
    ENDED,
    VENDOR,
    Whole,
    activities_of,
    entered_orders,
    group_terms,
    order_spec,
    positions_of,
    refusals,
    whole_of,
    wholes,
)
from starkmatter.trading.ports import (
    Attempt,
    BrokerBook,
    BrokerOrder,
    CancelRefused,
    CashActivity,
    OnConnected,
    OnOrder,
    OrderRefused,
    SentOrders,
)

if TYPE_CHECKING:
    from schwab.client import AsyncClient

SDK = ("schwab.client", "schwab.orders.generic", "schwab.orders.common")
PER_MIN = 100.0
READ_SECS = 10.0
POLL_SECS = 2.0
POLL_REACH = timedelta(days=1)
MAX_ORDERS = MAX_ACTIVITIES = 3_000
REACH = timedelta(days=59)
UNCERTAIN = frozenset({401, 408, 425, 429})

CAPABILITY = Capability(
    port="broker",
    adapter=KIND,
    vendor=VENDOR,
    client="schwab-py",
    connection=KIND,
    gives=(
        "cash and positions",
        "orders",
        "activities with the fees of each trade",
        "market, limit, stop, stop-limit and trailing stop orders, day, good till canceled, immediate, fill "
        "or kill, the closing auction, extended hours, cancel",
        "brackets, OCO and OTO",
    ),
    limits="120 requests a minute; a sign-in lasts 7 days",
    notes="Accounts of real money: orders are refused until their owner turns live trading on. "
    "Whole shares; groups begin with a purchase; no opening auction, dates of expiry, conditions or short sales. "
    "TD Ameritrade's own interface closed in "
    "May 2024 and its accounts moved to Schwab: this is the way to them.",
)


__all__ = ["CAPABILITY", "SchwabBroker", "refusals"]


class SchwabBroker:
    """One Schwab account, seen over its interface for one's own programs."""

    capability = CAPABILITY
    live = True
    repeatable = False

    def __init__(self, settings: Settings, secrets: Secrets, sent: SentOrders, *, tries: int = 3) -> None:
        self._secrets = secrets
        self._sent = sent
        self._url = url_of(settings)
        self._line = Line(VENDOR, per_min=PER_MIN, tries=tries)
        self._client: AsyncClient | None = None
        self._number = self._hash = ""
        self._opening = asyncio.Lock()

    async def read_book(self) -> BrokerBook:
        """See the port."""
        client, account_hash = await self._ready()
        fields = [client.Account.Fields.POSITIONS]
        raw = await self._get(lambda: client.get_account(account_hash, fields=fields))
        account = ANSWERS.fields(ANSWERS.fields(raw).get("securitiesAccount"), "account")
        balances = ANSWERS.fields(account.get("currentBalances"), "balances")
        orders = await self._orders(utc_now() - REACH)
        closing = account.get("isClosingOnlyRestricted")
        return BrokerBook(
            number=number_of(self._number),
            currency="USD",
            # What is borrowed on margin is a balance of its own, below zero.
            cash=ANSWERS.number(balances, "cashBalance") + ANSWERS.number(balances, "marginBalance", ZERO),
            blocked=f"{VENDOR} lets this account close positions only." if closing else None,
            positions=positions_of(account),
            open_orders=tuple(one for one in orders if one.status_text not in ENDED),
        )

    async def activities(self, after: datetime) -> list[CashActivity]:
        """See the port; of trades only their fees, since orders tell of the rest."""
        client, account_hash = await self._ready()
        raw = await self._get(
            lambda: client.get_transactions(
                account_hash, start_date=after.astimezone(UTC), end_date=utc_now() + timedelta(minutes=1)
            )
        )
        if len(ANSWERS.items(raw)) >= MAX_ACTIVITIES:
            raise VendorFailure(VENDOR, "garbage", f"{VENDOR} lists activities without end.")
        return activities_of(raw)

    async def find(self, client_order_id: str) -> BrokerOrder | None:
        """See the port: by the number Schwab gave it, or by its terms when that never arrived."""
        attempt = await self._sent.attempt(client_order_id)
        if attempt is None:
            return None
        if attempt.broker_order_id is not None:
            return await self._known(attempt, attempt.broker_order_id)
        if attempt.first is not None:
            group = await self.find(attempt.first)
            legs = () if group is None else group.legs
            return next((one for one in legs if one.client_order_id == client_order_id), None)
        listed = await self._entered_around(attempt)
        ours = await self._sent.names()
        strange = [one for one in listed if not one.numbers & ours.keys()]
        found = recognized(VENDOR, attempt, group_terms(attempt.request), [one.entered for one in strange], ours)
        if found is None:
            return None
        return next(one for one in strange if found.broker_order_id in one.numbers).named(client_order_id)

    async def _known(self, attempt: Attempt, number: str) -> BrokerOrder | None:
        """An order by Schwab's number for it. A pair is asked for by its own number first, then found in the list."""
        client, account_hash = await self._ready()
        try:
            raw = await self._get(lambda: client.get_order(int(number), account_hash))
        except _NotThere:
            return None
        whole = whole_of(ANSWERS.fields(raw))
        if len(whole.parts) < len(legs_of(attempt.request)):
            listed = await self._entered_around(attempt)
            whole = next((one for one in listed if number in one.numbers), whole)
        return whole.named(attempt.client_order_id)

    async def _entered_around(self, attempt: Attempt) -> list[Whole]:
        return wholes(await self._listed(attempt.claimed_at - EARLY, attempt.claimed_at + LATE))

    async def submit(self, client_order_id: str, request: OrderRequest) -> BrokerOrder:
        """See the port. The answer is the order's number alone; what became of it is asked for soon after."""
        spec = order_spec(request)

        async def send() -> str:
            # Otherwise it would be asked for within the next call, where nobody could tell which of the two failed.
            await _translated(lambda: client.session.ensure_active_token(client.session.token))
            way.may_have_left = True
            response = await _translated(lambda: client.place_order(account_hash, spec))
            if response.status_code not in {200, 201}:
                raise _failure(response, "POST")
            found = re.search(r"/orders/(\d{1,20})$", response.headers.get("location", ""))
            if found is None:
                raise ANSWERS.garbage("number of the order")
            return found[1]

        with leaving() as way:
            client, account_hash = await self._ready()
            number = await self._line.send(send)
        return BrokerOrder(
            broker_order_id=number,
            client_order_id=client_order_id,
            symbol=request.symbol,
            side=request.side,
            status=OrderStatus.ACCEPTED,
            status_text="ACCEPTED",
            filled_qty=ZERO,
            avg_price=None,
            happened_at=utc_now(),
        )

    async def cancel(self, broker_order_id: str) -> None:
        """See the port."""
        client, account_hash = await self._ready()

        async def send() -> None:
            response = await _translated(lambda: client.cancel_order(int(broker_order_id), account_hash))
            if response.status_code not in {200, 204}:
                raise _failure(response, "DELETE")

        await self._line.send(send)

    async def listen(self, on_order: OnOrder, on_connected: OnConnected) -> None:
        """See the port: Schwab is asked every few seconds."""
        await follow_by_asking(
            lambda: self._orders(utc_now() - POLL_REACH), on_order, on_connected, every_secs=POLL_SECS
        )

    async def _orders(self, since: datetime) -> list[BrokerOrder]:
        """Every order entered since then; ours by our ids, others with an empty one."""
        raw = await self._listed(since, utc_now() + timedelta(minutes=1))
        names = await self._sent.names()
        return [_named(one.order, names) for one in entered_orders(raw)]

    async def _listed(self, since: datetime, until: datetime) -> Any:
        client, account_hash = await self._ready()
        raw = await self._get(
            lambda: client.get_orders_for_account(
                account_hash,
                max_results=MAX_ORDERS,
                from_entered_datetime=since.astimezone(UTC),
                to_entered_datetime=until.astimezone(UTC),
            )
        )
        if len(ANSWERS.items(raw)) >= MAX_ORDERS:
            raise VendorFailure(VENDOR, "garbage", f"{VENDOR} lists more orders than can be read at once.")
        return raw

    async def _get(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        async def read() -> Any:
            response = await _translated(ask)
            if response.status_code != 200:
                raise _failure(response, "GET")
            return ANSWERS.parsed(response.content)

        return await self._line.read(read)

    async def close(self) -> None:
        """See the port."""
        client, self._client = self._client, None
        if client is not None:
            await client.close_async_session()

    async def _ready(self) -> "tuple[AsyncClient, str]":
        """The SDK's client, and under which name Schwab wants the account to be asked for."""
        async with self._opening:
            if self._client is None:
                if not self._secrets.get("refresh_token"):
                    raise sign_in_ended(first=True)
                self._client = await asyncio.to_thread(self._make_client)
            client: AsyncClient = self._client
            if not self._hash:
                raw = await self._get(client.get_account_numbers)
                self._number, self._hash = chosen_account(raw, self._secrets.get("account", ""))
        return client, self._hash

    def _make_client(self) -> "AsyncClient":
        load(*SDK)
        from authlib.integrations.httpx_client import AsyncOAuth2Client
        from schwab.client import AsyncClient

        from starkmatter.egress.door import VendorDoor

        # Without an access token of its own the client gets one before its first request, and a new one in time.
        session = AsyncOAuth2Client(
            self._secrets["key"],
            self._secrets["secret"],
            token={"access_token": "none", "refresh_token": self._secrets["refresh_token"], "expires_at": 1},
            token_endpoint=f"{ORIGIN}/v1/oauth/token",
            transport=VendorDoor(VENDOR, {ORIGIN: self._url}, timeout_secs=READ_SECS),
            trust_env=False,
        )
        return AsyncClient(self._secrets["key"], session)


class _NotThere(Exception):
    """404: Schwab says for certain that it has no such thing."""


async def _translated(ask: Callable[[], Awaitable[Any]]) -> Any:
    """One call of the SDK; what the library says becomes one of our errors."""
    import httpx2
    from authlib.common.errors import AuthlibBaseError

    try:
        return await ask()
    except AuthlibBaseError as error:
        if error.error == "invalid_client":
            raise VendorFailure(VENDOR, "refused", f"{VENDOR} does not accept the app key and its secret.") from None
        raise sign_in_ended() from None
    except httpx2.HTTPStatusError as error:
        raise failure_of_status(VENDOR, error.response.status_code) from None
    except (httpx2.TransportError, OSError):
        raise VendorFailure(VENDOR, "unreachable", f"{VENDOR} cannot be reached.") from None


def _failure(response: Any, method: str) -> Exception:
    """What a status and body mean: certain only when the vendor's own words came with it."""
    status, words = response.status_code, ANSWERS.words_of(response.content)
    if status == 401:
        return sign_in_ended()
    if words is not None and 400 <= status < 500 and status not in UNCERTAIN:
        if method == "POST":
            return OrderRefused(f"{VENDOR} refused the order: {words}")
        if method == "DELETE":
            return CancelRefused(f"{VENDOR}: {words}")
        if status == 404:
            return _NotThere(words)
    return failure_of_status(VENDOR, status, retry_after_secs=retry_after_secs(response.headers))


def _named(order: BrokerOrder, names: Mapping[str, str]) -> BrokerOrder:
    return replace(order, client_order_id=names.get(order.broker_order_id, ""))
