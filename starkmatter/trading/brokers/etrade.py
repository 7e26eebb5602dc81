"""E*TRADE as a broker: its API version 1 signed by Authlib over our guarded way out, with nothing ever sent twice.

It takes an id of ours with an order, to know a repetition, and never tells it again: an order is known by the number in
the answer to it, and one whose answer was lost is looked for by all its terms (`recognizing`). An order is previewed,
which changes nothing, and then placed. Live accounts are only looked at in this version; the sandbox takes orders.

Vendor address (STARKMATTER_VENDOR_URLS): `etrade`, for its sandbox as well.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from starkmatter.accounts.vault import Secrets
from starkmatter.clock import utc_now
from starkmatter.domain.money import ZERO
from starkmatter.domain.orders import OrderRequest, OrderStatus
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure
from starkmatter.egress.line import Line
from starkmatter.settings import Settings
from starkmatter.trading.brokers.etrade_session import (
    ORIGIN,
    answer_in,
    failure_of,
    is_idle,
    open_client,
    origin_of,
    send_json,
    sign_in_ended,
    translated,
)
from starkmatter.trading.brokers.etrade_sign_in import KIND, chosen_account, number_of
from starkmatter.trading.brokers.etrade_words import (
    ANSWERS,
    ENDED,
    VENDOR,
    activities_of,
    day,
    entered_orders,
    order_body,
    position_of,
    refusals,
    terms_asked,
)
from starkmatter.trading.brokers.leaving import leaving
from starkmatter.trading.brokers.polling import follow_by_asking
from starkmatter.trading.brokers.recognizing import EARLY, LATE, Entered, recognized
from starkmatter.trading.ports import (
    BrokerBook,
    BrokerOrder,
    CashActivity,
    OnConnected,
    OnOrder,
    SentOrders,
)

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth1Client

PER_MIN = 100.0
POLL_SECS = 2.0
POLL_REACH = timedelta(days=1)
# Orders rest for 60 days at most.
REACH = timedelta(days=62)
PAGE, POSITIONS_PAGE, MAX_PAGES = 100, 50, 40

CAPABILITY = Capability(
    port="broker",
    adapter=KIND,
    vendor=VENDOR,
    client="authlib, httpx2",
    connection=KIND,
    gives=(
        "cash and positions",
        "orders",
        "activities with the fees of each trade",
        "market, limit, stop and stop-limit orders, day, good till canceled, immediate, fill or kill, "
        "the closing auction, extended hours, cancel",
    ),
    limits="2 requests a second; a sign-in lasts until midnight in New York",
    notes="Live accounts are real money: orders are refused until their owner turns live trading on. "
    "The sandbox answers with samples that fit no order. Whole shares; no trailing stops, opening auction, dates of "
    "expiry, groups, conditions or short sales.",
)
__all__ = ["CAPABILITY", "ETradeBroker", "refusals"]


class ETradeBroker:
    """One account at E*TRADE."""

    capability = CAPABILITY
    repeatable = False

    def __init__(self, settings: Settings, secrets: Secrets, sent: SentOrders, *, tries: int = 3) -> None:
        self._settings = settings
        self._secrets = secrets
        self._sent = sent
        self._origin = origin_of(secrets)
        self._line = Line(VENDOR, per_min=PER_MIN, tries=tries)
        self._client: AsyncOAuth1Client | None = None
        self._number = self._key = ""
        self._opening = asyncio.Lock()

    @property
    def live(self) -> bool:
        """See the port."""
        return self._secrets["environment"] == "live"

    async def read_book(self) -> BrokerBook:
        """See the port."""
        account = await self._ready()
        asked = {"instType": "BROKERAGE", "realTimeNAV": "true"}
        balance = ANSWERS.fields(await self._get(f"{account}/balance.json", "BalanceResponse", asked))
        computed = ANSWERS.fields(balance.get("Computed"), "Computed")
        positions = [position_of(one) for one in await self._positions(account)]
        orders = await self._orders(utc_now() - REACH)
        return BrokerBook(
            number=number_of(self._number, self._secrets["environment"]),
            currency="USD",
            cash=ANSWERS.number(computed, "netCash"),
            blocked=None,
            positions=tuple(positions),
            open_orders=tuple(one for one in orders if one.status_text not in ENDED),
        )

    async def activities(self, after: datetime) -> list[CashActivity]:
        """See the port; of trades only their fees, since orders tell of the rest. Days count, so some come again."""
        account = await self._ready()
        asked = {"startDate": day(after), "endDate": day(utc_now() + timedelta(days=1)), "count": str(POSITIONS_PAGE)}
        found: list[Mapping[str, Any]] = []
        for _ in range(MAX_PAGES):
            page = await self._get(f"{account}/transactions.json", "TransactionListResponse", asked)
            if page is None:
                return activities_of(found)
            found += ANSWERS.items(page.get("Transaction"))
            if not page.get("moreTransactions"):
                return activities_of(found)
            asked["marker"] = ANSWERS.text(page, "marker")
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} lists activities without end.")

    async def find(self, client_order_id: str) -> BrokerOrder | None:
        """See the port: by the number E*TRADE gave it, or by its terms when that never arrived."""
        attempt = await self._sent.attempt(client_order_id)
        if attempt is None:
            return None
        if attempt.broker_order_id is not None:
            listed = await self._listed(attempt.claimed_at - EARLY, utc_now())
            found = [one.order for one in listed if one.order.broker_order_id == attempt.broker_order_id]
            return replace(found[0], client_order_id=client_order_id) if found else None
        listed = await self._listed(attempt.claimed_at - EARLY, attempt.claimed_at + LATE)
        return recognized(VENDOR, attempt, terms_asked(attempt.request), listed, await self._sent.names())

    async def submit(self, client_order_id: str, request: OrderRequest) -> BrokerOrder:
        """See the port. What the preview refuses was never placed; only placing is in doubt when its answer is lost."""
        body = order_body(client_order_id, request)
        with leaving() as way:
            account = await self._ready()
            asked = {"PreviewOrderRequest": body}
            raw = await self._line.send(
                lambda: self._send("POST", f"{account}/orders/preview.json", asked, placing=True)
            )
            previews = ANSWERS.items(ANSWERS.fields(raw.get("PreviewOrderResponse"), "preview").get("PreviewIds"))
            ids = [{"previewId": ANSWERS.number(one, "previewId")} for one in previews]
            if len(ids) != 1:
                raise ANSWERS.garbage("preview")
            placed = {"PlaceOrderRequest": body | {"PreviewIds": [{"previewId": int(ids[0]["previewId"])}]}}
            way.may_have_left = True
            raw = await self._line.send(
                lambda: self._send("POST", f"{account}/orders/place.json", placed, placing=True)
            )
        orders = ANSWERS.items(ANSWERS.fields(raw.get("PlaceOrderResponse"), "answer").get("OrderIds"))
        if len(orders) != 1:
            raise ANSWERS.garbage("number of the order")
        return BrokerOrder(
            broker_order_id=ANSWERS.text(orders[0], "orderId"),
            client_order_id=client_order_id,
            symbol=request.symbol,
            side=request.side,
            status=OrderStatus.ACCEPTED,
            status_text="PLACED",
            filled_qty=ZERO,
            avg_price=None,
            happened_at=utc_now(),
        )

    async def cancel(self, broker_order_id: str) -> None:
        """See the port."""
        account = await self._ready()
        body = {"CancelOrderRequest": {"orderId": int(broker_order_id)}}
        await self._line.send(lambda: self._send("PUT", f"{account}/orders/cancel.json", body))

    async def listen(self, on_order: OnOrder, on_connected: OnConnected) -> None:
        """See the port: E*TRADE is asked every few seconds, which also keeps the sign-in awake."""
        await follow_by_asking(
            lambda: self._orders(utc_now() - POLL_REACH), on_order, on_connected, every_secs=POLL_SECS
        )

    async def _orders(self, since: datetime) -> list[BrokerOrder]:
        """Every order placed since that day; ours by our ids, others with an empty one."""
        listed = await self._listed(since, utc_now())
        names = await self._sent.names()
        return [replace(one.order, client_order_id=names.get(one.order.broker_order_id, "")) for one in listed]

    async def _listed(self, since: datetime, until: datetime) -> list[Entered]:
        account = await self._ready()
        asked = {"count": str(PAGE), "fromDate": day(since), "toDate": day(until + timedelta(days=1))}
        found: list[Entered] = []
        for _ in range(MAX_PAGES):
            page = await self._get(f"{account}/orders.json", "OrdersResponse", asked)
            if page is None:
                return found
            found += entered_orders(page.get("Order"))
            if not page.get("marker"):
                return found
            asked["marker"] = ANSWERS.text(page, "marker")
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} lists orders without end.")

    async def _positions(self, account: str) -> list[Mapping[str, Any]]:
        asked = {"count": str(POSITIONS_PAGE), "pageNumber": "1"}
        found: list[Mapping[str, Any]] = []
        for page in range(1, MAX_PAGES):
            raw = await self._get(f"{account}/portfolio.json", "PortfolioResponse", asked | {"pageNumber": str(page)})
            if raw is None:
                return found
            portfolios = ANSWERS.items(raw.get("AccountPortfolio"))
            for portfolio in portfolios:
                found += ANSWERS.items(portfolio.get("Position", []))
            if page >= max((ANSWERS.number(one, "totalPages", ZERO) for one in portfolios), default=ZERO):
                return found
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} lists positions without end.")

    async def _get(self, path: str, name: str, asked: Mapping[str, str] | None = None) -> Mapping[str, Any] | None:
        url = f"{self._origin}{path}{'?' + urlencode(asked) if asked else ''}"

        async def read() -> Mapping[str, Any] | None:
            client = self._open()
            response = await translated(lambda: client.get(url))
            if is_idle(response) and await self._woken(client):
                response = await translated(lambda: client.get(url))
            if response.status_code not in {200, 204}:
                raise failure_of(response)
            return answer_in(response, name)

        return await self._line.read(read)

    async def _send(
        self, method: str, path: str, body: Mapping[str, Any], *, placing: bool = False
    ) -> Mapping[str, Any]:
        client = self._open()
        response = await translated(lambda: send_json(client, method, f"{self._origin}{path}", body))
        if response.status_code != 200:
            raise failure_of(response, placing=placing, canceling=not placing)
        return ANSWERS.fields(ANSWERS.parsed(response.content))

    async def _woken(self, client: "AsyncOAuth1Client") -> bool:
        """A token that slept for want of requests is good again until midnight."""
        response = await translated(lambda: client.get(f"{ORIGIN}/oauth/renew_access_token"))
        return bool(response.status_code == 200)

    async def close(self) -> None:
        """See the port."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ready(self) -> str:
        """The account's place."""
        async with self._opening:
            if not self._key:
                raw = await self._get("/v1/accounts/list.json", "AccountListResponse")
                self._number, self._key = chosen_account(raw, self._secrets.get("account", ""))
        return f"/v1/accounts/{quote(self._key, safe='')}"

    def _open(self) -> "AsyncOAuth1Client":
        if self._client is None:
            if not self._secrets.get("token"):
                raise sign_in_ended(first=True)
            self._client = open_client(
                self._settings,
                self._secrets["key"],
                self._secrets["secret"],
                token=self._secrets["token"],
                token_secret=self._secrets["token_secret"],
            )
        return self._client
