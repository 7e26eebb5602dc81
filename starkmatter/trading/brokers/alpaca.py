"""Alpaca as a broker, with paper keys: its trading SDK with retries off, time-outs on and our own order ids.

Vendor addresses (STARKMATTER_VENDOR_URLS): `alpaca-trading` for REST, `alpaca-trading-stream` for the whole address of
the account's stream. The SDK is imported on first use and only where orders are sent: it brings pandas.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx
from websockets.exceptions import WebSocketException

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.domain.orders import OrderRequest, OrderStatus, Side
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import authorities, retry_after_secs
from starkmatter.egress.line import Line
from starkmatter.egress.sdk import load
from starkmatter.errors import InvalidInput
from starkmatter.settings import Settings
from starkmatter.trading.ports import (
    ActivityKind,
    BrokerBook,
    BrokerOrder,
    BrokerPosition,
    CancelRefused,
    CashActivity,
    OnConnected,
    OnOrder,
    OrderRefused,
    SentOrders,
)

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient
    from alpaca.trading.requests import OrderRequest as OrderRequestBase
    from alpaca.trading.stream import TradingStream

SDK = ("alpaca.trading.client", "alpaca.trading.stream", "alpaca.trading.requests", "alpaca.trading.enums")
KIND = "alpaca"
VENDOR = "Alpaca"
REST_URL = "https://paper-api.alpaca.markets"
TAKING_BACK = frozenset({"trade_bust", "trade_correct"})
STREAM_URL = "wss://paper-api.alpaca.markets/stream"
PER_MIN = 150.0
CONNECT_SECS, READ_SECS = 3.0, 10.0
PING_SECS, PONG_SECS, AUTH_SECS = 10, 20, 10
PAGE_SIZE = 100
MAX_PAGES = 20
MAX_OPEN_ORDERS = 500
LIVE_KEY_PREFIX = "AK"

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
        "cancel",
        "order stream",
        "positions",
        "activities",
    ),
    limits="200 requests a minute; one book per pair of keys",
    notes="Paper keys only in this version: live keys are refused. No dates of expiry, groups or short sales.",
)

# Alpaca's 18 words for the state of an order (its documentation of orders, 2026). `done_for_day`, `stopped` and
# `calculated` are not the end of one.
STATUSES: dict[str, OrderStatus] = {
    "new": OrderStatus.WORKING,
    "partially_filled": OrderStatus.PARTIAL,
    "filled": OrderStatus.FILLED,
    "done_for_day": OrderStatus.DONE_FOR_DAY,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "replaced": OrderStatus.REPLACED,
    "pending_cancel": OrderStatus.PENDING_CANCEL,
    "pending_replace": OrderStatus.PENDING_REPLACE,
    "pending_review": OrderStatus.ACCEPTED,
    "accepted": OrderStatus.ACCEPTED,
    "pending_new": OrderStatus.ACCEPTED,
    "accepted_for_bidding": OrderStatus.ACCEPTED,
    "stopped": OrderStatus.WORKING,
    "rejected": OrderStatus.REJECTED,
    "suspended": OrderStatus.SUSPENDED,
    "calculated": OrderStatus.DONE_FOR_DAY,
    "held": OrderStatus.ACCEPTED,
}
ACTIVITIES: dict[str, ActivityKind] = {
    "CSD": "deposit",
    "CSW": "withdrawal",
    "JNLC": "deposit",
    "FEE": "fee",
    "CFEE": "fee",
    "PTC": "fee",
    "DIV": "dividend",
    "DIVCGL": "dividend",
    "DIVCGS": "dividend",
    "DIVNRA": "dividend",
    "DIVROC": "dividend",
    "DIVTXEX": "dividend",
    "DIVFEE": "fee",
    "INT": "interest",
    "INTNRA": "interest",
}

T = TypeVar("T")


class AlpacaBroker:
    """One Alpaca account. Every method may be called from the event loop; the SDK blocks in threads."""

    capability = CAPABILITY
    live = False
    repeatable = True

    def __init__(self, settings: Settings, secrets: Secrets, sent: SentOrders | None = None, *, tries: int = 3) -> None:
        check_keys(secrets)
        self._secrets = secrets
        self._url = settings.vendor_urls.get("alpaca-trading", REST_URL).rstrip("/")
        self._stream_url = settings.vendor_urls.get("alpaca-trading-stream", STREAM_URL)
        self._line = Line(VENDOR, per_min=PER_MIN, tries=tries)
        self._client: TradingClient | None = None

    async def read_book(self) -> BrokerBook:
        """See the port."""
        account = _object(await self._get("/account"))
        positions = _items(await self._get("/positions"))
        orders = _items(await self._get("/orders", {"status": "open", "limit": MAX_OPEN_ORDERS, "nested": "false"}))
        return BrokerBook(
            number=_text(account, "id"),
            currency=_text(account, "currency"),
            cash=_number(account, "cash"),
            blocked=_blocked(account),
            positions=tuple(_position(one) for one in positions),
            open_orders=tuple(_order(one) for one in orders),
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
            page = _items(await self._get("/account/activities", asked))
            found += [_activity(one) for one in page]
            if len(page) < PAGE_SIZE:
                return found
            asked["page_token"] = found[-1].id
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} lists activities without end.")

    async def find(self, client_order_id: str) -> BrokerOrder | None:
        """See the port."""
        try:
            return _order(_object(await self._get("/orders:by_client_order_id", {"client_order_id": client_order_id})))
        except _NotThere:
            return None

    async def submit(self, client_order_id: str, request: OrderRequest) -> BrokerOrder:
        """See the port. An id that Alpaca knows already means that an earlier try had arrived."""
        client = await self._ready()
        try:
            raw = await self._line.send(lambda: self._in_thread(lambda: _submit(client, client_order_id, request)))
        except _Known:
            found = await self.find(client_order_id)
            if found is None:
                raise VendorFailure(VENDOR, "garbage", f"{VENDOR} knows the order's id but not the order.") from None
            return found
        return _order(_object(raw))

    async def cancel(self, broker_order_id: str) -> None:
        """See the port."""
        client = await self._ready()
        await self._line.send(lambda: self._in_thread(lambda: client.delete(f"/orders/{broker_order_id}"), cancel=True))

    async def listen(self, on_order: OnOrder, on_connected: OnConnected) -> None:
        """See the port. One connection; the caller decides when to try again."""
        stream = await asyncio.to_thread(self._make_stream)

        async def on_update(message: Mapping[str, Any]) -> None:
            await on_order(_update(message))

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
            self._secrets["key_id"], self._secrets["secret"], paper=True, raw_data=True, url_override=self._url
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
            paper=True,
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
        raise VendorFailure(VENDOR, "unreachable", words) from None


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


def refusals(request: OrderRequest) -> list[str]:
    """What of the language of orders Alpaca does not take, in words (its documentation of orders, 2026)."""
    found = []
    fraction = request.notional is not None or request.qty != request.qty.to_integral_value()
    if request.time_in_force == "gtd":
        found.append(f"{VENDOR} knows no orders that are good till a date: use good till canceled.")
    if request.order_class != "simple" or request.condition is not None:
        found.append(f"Orders in groups and with conditions are kept on paper accounts only, not at {VENDOR}.")
    if request.extended_hours and request.time_in_force != "day":
        found.append(f"{VENDOR} takes orders for extended hours for the day only.")
    if request.notional is not None and request.side == "sell":
        found.append(f"At {VENDOR} a sale is by quantity: how many shares an amount takes is known only afterward.")
    if fraction and request.type == "trailing_stop":
        found.append(f"{VENDOR} takes a trailing stop for whole shares only.")
    return found


def _submit(client: "TradingClient", client_order_id: str, request: OrderRequest) -> Any:
    return client.submit_order(_wire(client_order_id, request))


def _wire(client_order_id: str, request: OrderRequest) -> "OrderRequestBase":
    """The order in the SDK's words; what is not said is left out."""
    from alpaca.trading import requests
    from alpaca.trading.enums import OrderSide, TimeInForce

    words = {
        "market": requests.MarketOrderRequest,
        "limit": requests.LimitOrderRequest,
        "stop": requests.StopOrderRequest,
        "stop_limit": requests.StopLimitOrderRequest,
        "trailing_stop": requests.TrailingStopOrderRequest,
    }
    figures = {
        "qty": request.qty if request.notional is None else None,
        "notional": request.notional,
        "limit_price": request.limit_price,
        "stop_price": request.stop_price,
        "trail_price": request.trail_amount,
        "trail_percent": request.trail_percent,
    }
    return words[request.type](
        symbol=request.symbol,
        side=OrderSide(request.side),
        time_in_force=TimeInForce(request.time_in_force),
        client_order_id=client_order_id,
        extended_hours=request.extended_hours or None,
        **{name: value for name, value in figures.items() if value is not None},
    )


async def _close(stream: "TradingStream") -> None:
    try:
        async with asyncio.timeout(1.0):
            await stream.close()
    except (TimeoutError, OSError, WebSocketException):
        return


def _update(message: Mapping[str, Any]) -> BrokerOrder:
    """One event of the account's stream: its order, as of the event."""
    data = _object(message.get("data"))
    happened = data.get("timestamp") or data.get("at")
    order = _order(_object(data.get("order")), happened if isinstance(happened, str) else None)
    if data.get("event") in TAKING_BACK:
        return replace(order, takes_back=_text(data, "execution_id"))
    return order


def _order(fields: Mapping[str, Any], happened: str | None = None) -> BrokerOrder:
    word = _text(fields, "status")
    side = _text(fields, "side")
    if side not in {"buy", "sell"}:
        raise _garbage("side")
    average = fields.get("filled_avg_price")
    return BrokerOrder(
        broker_order_id=_text(fields, "id"),
        client_order_id=_text(fields, "client_order_id"),
        symbol=_text(fields, "symbol"),
        side=cast("Side", side),
        status=STATUSES.get(word, OrderStatus.UNKNOWN),
        status_text=word,
        filled_qty=_number(fields, "filled_qty"),
        avg_price=None if average in {None, ""} else _number(fields, "filled_avg_price"),
        happened_at=_instant(happened or fields.get("updated_at") or fields.get("submitted_at")),
        reason=f"{VENDOR} rejected the order." if word == "rejected" else None,
    )


def _position(fields: Mapping[str, Any]) -> BrokerPosition:
    qty = _number(fields, "qty")
    if fields.get("side") == "short" and qty > 0:
        qty = -qty
    return BrokerPosition(_text(fields, "symbol"), qty, _number(fields, "cost_basis"), _number(fields, "market_value"))


def _activity(fields: Mapping[str, Any]) -> CashActivity:
    word = _text(fields, "activity_type")
    cash = _number(fields, "net_amount")
    kind = ACTIVITIES.get(word, "other")
    if kind in {"deposit", "withdrawal"}:
        kind = "deposit" if cash >= 0 else "withdrawal"
    symbol = fields.get("symbol")
    text = str(fields.get("description") or word)[:120]
    return CashActivity(
        _text(fields, "id"), kind, text, cash, _instant(fields.get("date")), symbol if isinstance(symbol, str) else None
    )


def _blocked(account: Mapping[str, Any]) -> str | None:
    if account.get("trading_blocked") or account.get("account_blocked"):
        return f"{VENDOR} has blocked this account for trading."
    return None


def _garbage(what: str) -> VendorFailure:
    return VendorFailure(VENDOR, "garbage", f"{VENDOR} sent an answer without a readable {what}.")


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _garbage("content")
    return value


def _items(value: Any) -> list[Mapping[str, Any]]:
    if value is None or not isinstance(value, list):
        raise _garbage("list")
    return [_object(one) for one in value]


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 128:
        raise _garbage(name)
    return value


def _number(fields: Mapping[str, Any], name: str) -> Decimal:
    try:
        value = Decimal(str(fields.get(name)))
    except InvalidOperation:
        raise _garbage(name) from None
    if not value.is_finite():
        raise _garbage(name)
    return value


def _instant(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(_to_micros(value))
    except (TypeError, ValueError):
        raise _garbage("instant") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _to_micros(value: Any) -> str:
    """Alpaca gives nanoseconds; we keep microseconds."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return re.sub(r"(\.\d{6})\d+", r"\1", value)


def check_keys(values: Mapping[str, str]) -> None:
    """InvalidInput for keys of a live account: they are not even kept."""
    if values["key_id"].upper().startswith(LIVE_KEY_PREFIX):
        raise InvalidInput(
            "These are keys of a live account. This version trades on paper only and keeps no live keys: "
            f"enter the keys of {VENDOR}'s paper account, which begin with PK."
        )


async def test_keys(b: Backends, secrets: Secrets) -> str:
    """Ask for the account, without the SDK: the web process stays small."""
    check_keys(secrets)
    url = b.settings.vendor_urls.get("alpaca-trading", REST_URL).rstrip("/")
    headers = {"APCA-API-KEY-ID": secrets["key_id"], "APCA-API-SECRET-KEY": secrets["secret"]}

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(verify=authorities(), timeout=READ_SECS, trust_env=False) as client:
            try:
                return await client.get(f"{url}/v2/account", headers=headers)
            except httpx.TransportError:
                raise VendorFailure(VENDOR, "unreachable", f"{VENDOR} cannot be reached.") from None

    answer = await Line(VENDOR, per_min=PER_MIN, tries=1).read(ask)
    if answer.status_code != 200:
        raise failure_of_status(VENDOR, answer.status_code)
    try:
        account = _object(answer.json())
    except ValueError:
        raise _garbage("content") from None
    blocked = _blocked(account)
    if blocked:
        raise InvalidInput(blocked)
    return f"Paper account with {_number(account, 'cash'):,.2f} {_text(account, 'currency')} in cash."


CONNECTION = ConnectionKind(
    kind=KIND,
    title="Alpaca (paper trading)",
    scope="person",
    adds="With Alpaca's paper keys you can open its account here and send orders to a real broker's paper market.",
    fields=(
        ConnectionField("key_id", "Key ID", hint="PK…"),
        ConnectionField("secret", "Secret key"),
    ),
    test=test_keys,
    check=check_keys,
    where="Alpaca's dashboard, paper account, API keys.",
)
