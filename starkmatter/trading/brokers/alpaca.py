"""Alpaca as a broker, on paper or with real money: its trading SDK without retries, with time-outs and our order ids.

Vendor addresses (STARKMATTER_VENDOR_URLS): `alpaca-trading` for REST, `alpaca-trading-stream` for the whole address of
the account's stream; `alpaca-live-trading` and `alpaca-live-trading-stream` for keys of real money. The SDK is imported
on first use and only where orders are sent: it brings pandas.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from websockets.exceptions import WebSocketException

from starkmatter.accounts.vault import Secrets
from starkmatter.domain.orders import OrderRequest
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import retry_after_secs
from starkmatter.egress.line import Line
from starkmatter.egress.sdk import load
from starkmatter.errors import InvalidInput
from starkmatter.settings import Settings
from starkmatter.trading.brokered import order_id_of
from starkmatter.trading.brokers.alpaca_keys import LIVE, PER_MIN, check_keys, environment_of, rest_url, stream_url
from starkmatter.trading.brokers.alpaca_words import (
    KIND,
    VENDOR,
    activity_of,
    blocked_words,
    items_of,
    number_of,
    object_of,
    order_of,
    position_of,
    text_of,
    update_of,
    wire_of,
)
from starkmatter.trading.brokers.leaving import leaving
from starkmatter.trading.ports import (
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
    from alpaca.trading.client import TradingClient
    from alpaca.trading.stream import TradingStream

SDK = ("alpaca.trading.client", "alpaca.trading.stream", "alpaca.trading.requests", "alpaca.trading.enums")
CONNECT_SECS, READ_SECS = 3.0, 10.0
PING_SECS, PONG_SECS, AUTH_SECS = 10, 20, 10
PAGE_SIZE = 100
MAX_PAGES = 20
MAX_OPEN_ORDERS = 500
GROUPS = frozenset({"bracket", "oco", "oto"})

CAPABILITY = Capability(
    port="broker",
    adapter=KIND,
    vendor=VENDOR,
    client="alpaca-py",
    connection=KIND,
    gives=(
        "market, limit, stop, stop-limit and trailing stop orders",
        "day, good till canceled, immediate, fill or kill, auctions, extended hours",
        "amounts of money and parts of a share",
        "brackets, OCO and OTO",
        "cancel",
        "order stream",
        "positions",
        "activities",
    ),
    limits="200 requests a minute; one book per pair of keys",
    notes="Paper or real money, by the keys. Groups begin with a market or limit purchase of whole shares. No dates of "
    "expiry, conditions or short sales.",
)

T = TypeVar("T")


class AlpacaBroker:
    """One Alpaca account. Every method may be called from the event loop; the SDK blocks in threads."""

    capability = CAPABILITY
    repeatable = True

    def __init__(self, settings: Settings, secrets: Secrets, sent: SentOrders | None = None, *, tries: int = 3) -> None:
        check_keys(secrets)
        self._sent = sent
        self._secrets = secrets
        self._url, self._stream_url = rest_url(settings, secrets), stream_url(settings, secrets)
        self._line = Line(VENDOR, per_min=PER_MIN, tries=tries)
        self._client: TradingClient | None = None

    @property
    def live(self) -> bool:
        """See the port."""
        return environment_of(self._secrets) == LIVE

    async def read_book(self) -> BrokerBook:
        """See the port."""
        account = object_of(await self._get("/account"))
        positions = items_of(await self._get("/positions"))
        orders = items_of(await self._get("/orders", {"status": "open", "limit": MAX_OPEN_ORDERS, "nested": "false"}))
        return BrokerBook(
            number=text_of(account, "id"),
            currency=text_of(account, "currency"),
            cash=number_of(account, "cash"),
            blocked=blocked_words(account),
            positions=tuple(position_of(one) for one in positions),
            open_orders=tuple(await self._named([order_of(one) for one in orders])),
        )

    async def activities(self, after: datetime) -> list[CashActivity]:
        """See the port; trades are left out, since orders tell of them."""
        found: list[CashActivity] = []
        asked: dict[str, Any] = {
            "category": "non_trade_activity",
            "after": after.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "direction": "asc",
            "page_size": PAGE_SIZE,
        }
        for _ in range(MAX_PAGES):
            page = items_of(await self._get("/account/activities", asked))
            found += [activity_of(one) for one in page]
            if len(page) < PAGE_SIZE:
                return found
            asked["page_token"] = found[-1].id
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} lists activities without end.")

    async def find(self, client_order_id: str) -> BrokerOrder | None:
        """See the port. Only the first of a group has our id there: with it come those that belong to it."""
        attempt = None if self._sent is None else await self._sent.attempt(client_order_id)
        if attempt is not None and attempt.first is not None:
            return await self._find_leg(client_order_id, attempt.broker_order_id, attempt.first)
        try:
            raw = object_of(await self._get("/orders:by_client_order_id", {"client_order_id": client_order_id}))
            if raw.get("order_class") in GROUPS and not raw.get("legs"):
                raw = object_of(await self._get(f"/orders/{text_of(raw, 'id')}", {"nested": "true"}))
        except _NotThere:
            return None
        return order_of(raw)

    async def _find_leg(self, client_order_id: str, broker_order_id: str | None, first: str) -> BrokerOrder | None:
        if broker_order_id is None:
            group = await self.find(first)
            legs = () if group is None else group.legs
            return next((one for one in legs if one.client_order_id == client_order_id), None)
        try:
            raw = object_of(await self._get(f"/orders/{broker_order_id}"))
        except _NotThere:
            return None
        return replace(order_of(raw), client_order_id=client_order_id)

    async def _named(self, orders: list[BrokerOrder]) -> list[BrokerOrder]:
        """The same, with our ids for those that belong to a group of ours."""
        if self._sent is None or all(order_id_of(one.client_order_id) is not None for one in orders):
            return orders
        names = await self._sent.names()
        return [replace(one, client_order_id=names.get(one.broker_order_id, one.client_order_id)) for one in orders]

    async def submit(self, client_order_id: str, request: OrderRequest) -> BrokerOrder:
        """See the port. An id that Alpaca knows already means that an earlier try had arrived."""
        client = await self._ready()
        try:
            with leaving() as way:
                way.may_have_left = True
                raw = await self._line.send(lambda: self._in_thread(lambda: _submit(client, client_order_id, request)))
        except _Known:
            found = await self.find(client_order_id)
            if found is None:
                raise VendorFailure(VENDOR, "garbage", f"{VENDOR} knows the order's id but not the order.") from None
            return found
        return order_of(object_of(raw))

    async def cancel(self, broker_order_id: str) -> None:
        """See the port."""
        client = await self._ready()
        await self._line.send(lambda: self._in_thread(lambda: client.delete(f"/orders/{broker_order_id}"), cancel=True))

    async def listen(self, on_order: OnOrder, on_connected: OnConnected) -> None:
        """See the port. One connection; the caller decides when to try again."""
        stream = await asyncio.to_thread(self._make_stream)

        async def on_update(message: Mapping[str, Any]) -> None:
            [update] = await self._named([update_of(message)])
            await on_order(update)

        stream.subscribe_trade_updates(on_update)
        try:
            async with asyncio.timeout(AUTH_SECS):
                await stream._start_ws()  # type: ignore[no-untyped-call]
            await on_connected()
            await stream._consume()  # type: ignore[no-untyped-call]
        except VendorFailure:
            raise
        except ValueError:
            raise VendorFailure(VENDOR, "refused", f"{VENDOR} does not accept these keys for its stream.") from None
        except (TimeoutError, OSError, WebSocketException) as error:
            raise VendorFailure(
                VENDOR, "unreachable", f"The stream of {VENDOR} was lost ({type(error).__name__})."
            ) from None
        finally:
            await _close(stream)

    async def close(self) -> None:
        """See the port."""
        client, self._client = self._client, None
        if client is not None:
            client._session.close()

    async def _get(self, path: str, asked: dict[str, Any] | None = None) -> Any:
        client = await self._ready()
        return await self._line.read(lambda: self._in_thread(lambda: client.get(path, asked)))

    async def _ready(self) -> "TradingClient":
        if self._client is None:
            self._client = await asyncio.to_thread(self._make_client)
        return self._client

    def _make_client(self) -> "TradingClient":
        load(*SDK)
        from alpaca.trading.client import TradingClient
        from requests.adapters import HTTPAdapter

        class Timed(HTTPAdapter):
            """Gives up on a silent server; the SDK itself would wait for ever."""

            def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
                options["timeout"] = (CONNECT_SECS, READ_SECS)
                return super().send(request, **options)

        client = TradingClient(
            self._secrets["key_id"], self._secrets["secret"], paper=not self.live, raw_data=True, url_override=self._url
        )
        # The SDK's own retries also repeat orders, and their number cannot be set to none from outside.
        client._retry = 0
        client._session.trust_env = False
        for scheme in ("https://", "http://"):
            client._session.mount(scheme, Timed(max_retries=0))
        return client

    def _make_stream(self) -> "TradingStream":
        load(*SDK)
        from alpaca.trading.stream import TradingStream

        return TradingStream(
            self._secrets["key_id"],
            self._secrets["secret"],
            paper=not self.live,
            raw_data=True,
            url_override=self._stream_url,
            websocket_params={"ping_interval": PING_SECS, "ping_timeout": PONG_SECS, "max_queue": 1024},
        )

    async def _in_thread(self, work: Callable[[], T], *, cancel: bool = False) -> T:
        """Run one call of the SDK; what it or the vendor says becomes one of our errors."""
        return await asyncio.to_thread(_translated, work, cancel)


class _NotThere(InvalidInput):
    """404: the vendor says for certain that it has no such thing."""


class _Known(InvalidInput):
    """The order's id was used before: an earlier try arrived."""


def _translated(work: Callable[[], T], cancel: bool) -> T:
    from alpaca.common.exceptions import APIError
    from requests.exceptions import JSONDecodeError, RequestException

    try:
        return work()
    except APIError as error:
        raise _failure(error, cancel) from None
    except JSONDecodeError:
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} sent something that is not an answer.") from None
    except RequestException as error:
        late = "Timeout" in type(error).__name__
        words = f"{VENDOR} did not answer in time." if late else f"{VENDOR} cannot be reached."
        raise VendorFailure(VENDOR, "unreachable", words, unsent=_never_connected(error)) from None


def _never_connected(error: Exception) -> bool:
    """Whether no connection could be made, so that nothing of the request can have gone over it."""
    from requests.exceptions import ConnectTimeout
    from urllib3.exceptions import NewConnectionError

    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, ConnectTimeout) or isinstance(reason, NewConnectionError)


def _failure(error: Any, cancel: bool) -> Exception:
    """What a status and body mean: certain only when the vendor's own error came with it."""
    status, response = error.status_code or 0, error.response
    try:
        said = response.json()
        code, words = said["code"], str(said["message"])[:200]
    except (ValueError, KeyError, TypeError):
        code, words = None, ""
    if code is not None and status == 422 and "client_order_id must be unique" in words.lower():
        return _Known(words)
    if code is not None and 400 <= status < 500 and status not in {408, 425, 429}:
        if cancel:
            return CancelRefused(f"{VENDOR}: {words}")
        if status == 404 and response.request.method == "GET":
            return _NotThere(words)
        if response.request.method == "POST":
            return OrderRefused(f"{VENDOR} refused the order: {words}")
    return failure_of_status(VENDOR, status, retry_after_secs=retry_after_secs(response.headers))


def _submit(client: "TradingClient", client_order_id: str, request: OrderRequest) -> Any:
    return client.submit_order(wire_of(client_order_id, request))


async def _close(stream: "TradingStream") -> None:
    try:
        async with asyncio.timeout(1.0):
            await stream.close()
    except (TimeoutError, OSError, WebSocketException):
        return
