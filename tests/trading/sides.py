"""Every broker's adapter beside the stand-in it talks to: what the contract has to know of each.

A new broker is one class and one entry in `SIDES`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from types import ModuleType
from typing import Any, ClassVar

from starkmatter.accounts.vault import Secrets
from starkmatter.clock import utc_now
from starkmatter.domain.orders import OrderRequest, OrderStatus
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import Refused
from starkmatter.settings import load_settings
from starkmatter.trading.brokers import alpaca, alpaca_words, etrade, etrade_session, ib, schwab
from starkmatter.trading.brokers.alpaca import AlpacaBroker
from starkmatter.trading.brokers.etrade import ETradeBroker
from starkmatter.trading.brokers.etrade_words import STATUSES as ETRADE_STATUSES
from starkmatter.trading.brokers.ib import IbBroker
from starkmatter.trading.brokers.ib_words import STATUSES as IB_STATUSES
from starkmatter.trading.brokers.schwab import SchwabBroker
from starkmatter.trading.brokers.schwab_sign_in import ORIGIN
from starkmatter.trading.brokers.schwab_words import STATUSES as SCHWAB_STATUSES
from starkmatter.trading.ports import Attempt, Broker, BrokerOrder
from tests.standins import etrade as etrade_standin
from tests.standins import ib as ib_standin
from tests.standins import schwab as schwab_standin
from tests.standins.alpaca_trading import KEY_ID, SECRET, alpaca_trading

Wire = dict[str, str]
HANG_SECS, READ_SECS = 1.2, 0.6
NOBODY = "http://127.0.0.1:1"


@dataclass
class InMemory:
    """What was sent, as the books would have it."""

    attempts: dict[str, Attempt] = field(default_factory=dict)

    async def attempt(self, client_order_id: str) -> Attempt | None:
        return self.attempts.get(client_order_id)

    async def names(self) -> dict[str, str]:
        return {one.broker_order_id: client_id for client_id, one in self.attempts.items() if one.broker_order_id}

    def note(self, client_id: str, request: OrderRequest, number: str | None = None) -> None:
        """It is about to be sent, or was taken under that number."""
        known = self.attempts.get(client_id)
        self.attempts[client_id] = Attempt(client_id, request, known.claimed_at if known else utc_now(), number)


@dataclass
class Side:
    """An adapter and the stand-in it talks to. `parts`: the kinds of answers that a book is made of."""

    broker: Broker
    there: Any
    sent: InMemory

    name: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]
    looks: ClassVar[tuple[str, ...]]
    secrets: ClassVar[tuple[str, ...]]
    statuses: ClassVar[dict[str, OrderStatus]]
    wires: ClassVar[list[tuple[str, Wire]]]
    figures: ClassVar[set[str]]
    groups: ClassVar[list[tuple[str, list[Wire]]]]
    refusals: ClassVar[Callable[[OrderRequest], list[str]]]
    refused: ClassVar[dict[str, str]]
    module: ClassVar[ModuleType]

    by_our_id: ClassVar[bool] = False
    wrong_is: ClassVar[type[VendorFailure | Refused]] = VendorFailure

    async def begin(self) -> None:
        """Whatever happens once, before the first question."""

    def fault(self, kind: str, fault: int | str) -> None:
        """What the next request of that kind meets."""
        self.there.fault(kind, fault)

    def kind(self, kind: str) -> str:
        """What a failure of that kind is called here: a socket knows no status."""
        return kind

    def hand_over(self, fresh: "Side") -> None:
        """The other stand-in has the same orders."""
        fresh.there.orders = self.there.orders
        if hasattr(self.there, "roots"):
            fresh.there.roots = self.there.roots

    async def submit(self, client_id: str, request: OrderRequest) -> BrokerOrder:
        """As the desk does: noted before, and its number after."""
        self.sent.note(client_id, request)
        taken = await self.broker.submit(client_id, request)
        self.sent.note(client_id, request, taken.broker_order_id)
        return taken

    def number(self, client_id: str) -> str:
        """How the stand-in knows it."""
        number = self.sent.attempts[client_id].broker_order_id
        assert number is not None
        return number

    def fill(self, client_id: str, qty: str, price: str) -> None:
        self.there.fill(self.number(client_id), qty, price)

    def say(self, client_id: str, word: str) -> None:
        """The broker's word for its state from now on."""
        self.there.orders[self.number(client_id)].status = word

    def drop_stream(self) -> None:
        self.there.fault("orders", *["drop"] * 5)

    def vanish(self) -> None:
        """From now on nobody listens where the adapter asks."""
        raise NotImplementedError

    def wrong(self) -> Broker:
        raise NotImplementedError

    def activities(self) -> list[tuple[str, Decimal]]:
        """Some of each kind at the broker, and what they should come as."""
        raise NotImplementedError


class AlpacaSide(Side):
    name = "alpaca"
    by_our_id = True
    parts = ("account", "positions", "orders")
    looks = ("find",)
    secrets = (SECRET,)
    statuses = alpaca_words.STATUSES
    module = alpaca
    refusals = staticmethod(alpaca_words.refusals)
    refused: ClassVar = {
        "buy 1 AAPL @ 99 until=2099-01-01": "use good till canceled",
        "buy 1 AAPL @ 99 gtc ext": "for the day only",
        "sell 0 AAPL usd=50": "a sale is by quantity",
        "sell 0.5 AAPL trl=1": "whole shares only",
        "buy 1 AAPL @ 99 above=MSFT:200": "no orders that wait for a price",
        "sell 1 AAPL @ 99 tp=90 sl=110": "begins with a purchase",
        "buy 1 AAPL stp=104 tp=110 sl=90": "begins with a market or a limit order",
        "buy 0.5 AAPL sl=90": "groups of orders for whole shares only",
    }
    groups: ClassVar = [
        (
            "buy 7 AAPL @ 99.05 gtc tp=110.01 sl=90.02 sll=89.03",
            [
                {
                    "side": "buy",
                    "type": "limit",
                    "limit_price": "99.05",
                    "qty": "7",
                    "time_in_force": "gtc",
                    "order_class": "bracket",
                    "take_profit.limit_price": "110.01",
                    "stop_loss.stop_price": "90.02",
                    "stop_loss.limit_price": "89.03",
                }
            ],
        ),
        ("buy 7 AAPL sl=90.02", [{"type": "market", "order_class": "oto", "stop_loss.stop_price": "90.02"}]),
        ("buy 7 AAPL @ 99 tp=110", [{"order_class": "oto", "take_profit.limit_price": "110", "limit_price": "99"}]),
        (
            "sell 7 AAPL @ 110.5 gtc oco sl=90",
            [
                {
                    "side": "sell",
                    "type": "limit",
                    "order_class": "oco",
                    "take_profit.limit_price": "110.5",
                    "stop_loss.stop_price": "90",
                }
            ],
        ),
    ]
    figures: ClassVar = {"qty", "notional", "limit_price", "stop_price", "trail_price", "trail_percent"}
    wires: ClassVar = [
        (
            "sell 7 AAPL @ 101.37 gtc",
            {"side": "sell", "type": "limit", "qty": "7", "limit_price": "101.37", "time_in_force": "gtc"},
        ),
        ("buy 7 AAPL stp=101.37 gtc", {"type": "stop", "qty": "7", "stop_price": "101.37", "time_in_force": "gtc"}),
        ("sell 7 AAPL @ 98 stp=99", {"type": "stop_limit", "qty": "7", "limit_price": "98", "stop_price": "99"}),
        ("sell 7 AAPL trl=1.25", {"type": "trailing_stop", "qty": "7", "trail_price": "1.25"}),
        ("sell 7 AAPL pct=2.5 gtc", {"type": "trailing_stop", "qty": "7", "trail_percent": "2.5"}),
        ("buy 7 AAPL ioc", {"type": "market", "qty": "7", "time_in_force": "ioc"}),
        ("buy 7 AAPL @ 99 fok", {"type": "limit", "qty": "7", "time_in_force": "fok", "limit_price": "99"}),
        ("buy 7 AAPL opg", {"type": "market", "qty": "7", "time_in_force": "opg"}),
        ("sell 7 AAPL @ 99 cls", {"type": "limit", "qty": "7", "time_in_force": "cls", "limit_price": "99"}),
        (
            "buy 7 AAPL @ 99 ext",
            {"type": "limit", "qty": "7", "limit_price": "99", "time_in_force": "day", "extended_hours": "True"},
        ),
        ("buy 0 AAPL usd=250.50", {"type": "market", "notional": "250.5"}),
        ("buy 0.125 AAPL @ 99", {"type": "limit", "qty": "0.125", "limit_price": "99"}),
    ]

    def fill(self, client_id: str, qty: str, price: str) -> None:
        self.there.fill(client_id, qty, price)

    def say(self, client_id: str, word: str) -> None:
        self.there.orders[client_id]["status"] = word

    def drop_stream(self) -> None:
        self.there.drop_stream()

    def vanish(self) -> None:
        broker: Any = self.broker
        broker._url = NOBODY
        if broker._client is not None:
            broker._client._base_url = NOBODY

    def wrong(self) -> Broker:
        return AlpacaBroker(
            load_settings({"STARKMATTER_VENDOR_URLS": self.there.urls}), Secrets({"key_id": "PKWRONG", "secret": "no"})
        )

    def activities(self) -> list[tuple[str, Decimal]]:
        words = {"FEE": "-0.02", "DIV": "12.40", "CSD": "500", "CSW": "-100", "ACATS": "0", "INT": "0.11"}
        self.there.activities = [
            {
                "id": f"{number:03}::{word}",
                "activity_type": word,
                "net_amount": cash,
                "date": "2026-11-24",
                "status": "x",
            }
            for number in range(40)
            for word, cash in words.items()
        ]
        kinds = ("fee", "dividend", "deposit", "withdrawal", "other", "interest")
        return [(kind, Decimal(cash)) for _ in range(40) for kind, cash in zip(kinds, words.values(), strict=True)]


class SchwabSide(Side):
    name = "schwab"
    parts = ("numbers", "account", "orders")
    looks = ("find", "orders")
    secrets = (schwab_standin.KEY, schwab_standin.SECRET, schwab_standin.REFRESH)
    statuses = SCHWAB_STATUSES
    module = schwab
    refusals = staticmethod(schwab.refusals)
    refused: ClassVar = {
        "buy 1 AAPL @ 99 until=2099-01-01": "good till a date",
        "buy 1 AAPL opg": "opening auction",
        "buy 1 AAPL stp=99 cls": "closing auction",
        "buy 0.5 AAPL": "whole shares only",
        "buy 0 AAPL usd=50": "whole shares only",
        "buy 1 AAPL ext": "limit orders only for extended hours",
        "buy 1 AAPL ioc": "limit orders only for immediate execution",
        "buy 1 AAPL @ 99 above=MSFT:200": "no orders that wait for a price",
        "sell 1 AAPL @ 99 tp=90 sl=110": "begin with a purchase",
    }
    groups: ClassVar = [
        (
            "buy 7 AAPL @ 99.05 gtc tp=110.01 sl=90.02 sll=89.03",
            [
                {
                    "orderStrategyType": "TRIGGER",
                    "orderType": "LIMIT",
                    "price": "99.05",
                    "duration": "GOOD_TILL_CANCEL",
                    "orderLegCollection.0.instruction": "BUY",
                    "childOrderStrategies.0.orderStrategyType": "OCO",
                    "childOrderStrategies.0.childOrderStrategies.0.orderType": "LIMIT",
                    "childOrderStrategies.0.childOrderStrategies.0.price": "110.01",
                    "childOrderStrategies.0.childOrderStrategies.0.orderLegCollection.0.instruction": "SELL",
                    "childOrderStrategies.0.childOrderStrategies.1.orderType": "STOP_LIMIT",
                    "childOrderStrategies.0.childOrderStrategies.1.stopPrice": "90.02",
                    "childOrderStrategies.0.childOrderStrategies.1.price": "89.03",
                    "childOrderStrategies.0.childOrderStrategies.1.duration": "GOOD_TILL_CANCEL",
                }
            ],
        ),
        (
            "buy 7 AAPL sl=90.02",
            [
                {
                    "orderStrategyType": "TRIGGER",
                    "orderType": "MARKET",
                    "childOrderStrategies.0.orderStrategyType": "SINGLE",
                    "childOrderStrategies.0.orderType": "STOP",
                    "childOrderStrategies.0.stopPrice": "90.02",
                }
            ],
        ),
        (
            "sell 7 AAPL @ 110.5 gtc oco sl=90",
            [
                {
                    "orderStrategyType": "OCO",
                    "childOrderStrategies.0.orderType": "LIMIT",
                    "childOrderStrategies.0.price": "110.5",
                    "childOrderStrategies.1.orderType": "STOP",
                    "childOrderStrategies.1.stopPrice": "90",
                    "childOrderStrategies.1.orderLegCollection.0.instruction": "SELL",
                }
            ],
        ),
    ]
    figures: ClassVar = {"price", "stopPrice", "stopPriceOffset", "orderLegCollection.0.quantity"}
    wires: ClassVar = [
        (
            "sell 7 BRK.B @ 101.37 gtc",
            {
                "orderType": "LIMIT",
                "price": "101.37",
                "duration": "GOOD_TILL_CANCEL",
                "session": "NORMAL",
                "orderStrategyType": "SINGLE",
                "orderLegCollection.0.instruction": "SELL",
                "orderLegCollection.0.quantity": "7",
                "orderLegCollection.0.instrument.symbol": "BRK/B",
                "orderLegCollection.0.instrument.assetType": "EQUITY",
            },
        ),
        ("buy 7 AAPL stp=101.37", {"orderType": "STOP", "stopPrice": "101.37", "duration": "DAY"}),
        ("sell 7 AAPL @ 98 stp=99", {"orderType": "STOP_LIMIT", "price": "98", "stopPrice": "99"}),
        (
            "sell 7 AAPL trl=1.25",
            {"orderType": "TRAILING_STOP", "stopPriceOffset": "1.25", "stopPriceLinkType": "VALUE"},
        ),
        (
            "sell 7 AAPL pct=2.5 gtc",
            {"orderType": "TRAILING_STOP", "stopPriceOffset": "2.5", "stopPriceLinkType": "PERCENT"},
        ),
        ("buy 7 AAPL", {"orderType": "MARKET", "duration": "DAY", "session": "NORMAL"}),
        ("buy 7 AAPL @ 99 ioc", {"orderType": "LIMIT", "price": "99", "duration": "IMMEDIATE_OR_CANCEL"}),
        ("buy 7 AAPL @ 99 fok", {"orderType": "LIMIT", "price": "99", "duration": "FILL_OR_KILL"}),
        ("sell 7 AAPL cls", {"orderType": "MARKET_ON_CLOSE", "duration": "DAY"}),
        ("sell 7 AAPL @ 99 cls", {"orderType": "LIMIT_ON_CLOSE", "price": "99", "duration": "DAY"}),
        ("buy 7 AAPL @ 99 ext", {"orderType": "LIMIT", "price": "99", "session": "SEAMLESS"}),
    ]

    def vanish(self) -> None:
        broker: Any = self.broker
        broker._url = NOBODY
        if broker._client is not None:
            broker._client.session._transport._ways = {ORIGIN: NOBODY}

    def wrong(self) -> Broker:
        settings = load_settings({"STARKMATTER_VENDOR_URLS": self.there.urls})
        return SchwabBroker(settings, Secrets(schwab_standin.SIGNED_IN | {"secret": "no"}), InMemory(), tries=1)

    def activities(self) -> list[tuple[str, Decimal]]:
        share = {"instrument": {"assetType": "EQUITY", "symbol": "AAPL"}, "amount": 1, "cost": -100.5}
        cash = {"instrument": {"assetType": "CURRENCY", "symbol": "CURRENCY_USD"}, "amount": 1, "cost": 0}
        fees = [cash | {"cost": -0.01, "feeType": "SEC_FEE"}, cash | {"cost": -0.02, "feeType": "TAF_FEE"}]
        rows: list[tuple[str, float, list[dict[str, Any]], str, str]] = [
            ("TRADE", -100.53, [share, *fees], "", "VALID"),
            ("TRADE", -100.5, [share], "", "VALID"),
            ("DIVIDEND_OR_INTEREST", 12.4, [cash, share], "ORDINARY DIVIDEND", "VALID"),
            ("DIVIDEND_OR_INTEREST", 0.11, [cash], "CREDIT INTEREST", "VALID"),
            ("ACH_RECEIPT", 500, [cash], "", "VALID"),
            ("ACH_RECEIPT", 900, [cash], "", "PENDING"),
            ("JOURNAL", -100, [cash], "", "VALID"),
            ("RECEIVE_AND_DELIVER", 0, [share], "", "VALID"),
        ]
        self.there.activities = [
            {
                "activityId": 100 + number,
                "time": f"2026-11-24T14:3{number}:00+0000",
                "type": word,
                "status": status,
                "netAmount": amount,
                "description": text,
                "transferItems": items,
            }
            for number, (word, amount, items, text, status) in enumerate(rows)
        ][::-1]
        return [
            ("fee", Decimal("-0.03")),
            ("dividend", Decimal("12.4")),
            ("interest", Decimal("0.11")),
            ("deposit", Decimal(500)),
            ("withdrawal", Decimal(-100)),
            ("other", Decimal(0)),
        ]


class ETradeSide(Side):
    name = "etrade"
    parts = ("accounts", "balance", "portfolio", "orders")
    looks = ("orders", "orders")
    secrets = (etrade_standin.KEY, etrade_standin.SECRET, etrade_standin.TOKEN, etrade_standin.TOKEN_SECRET)
    statuses = ETRADE_STATUSES
    module = etrade_session
    refusals = staticmethod(etrade.refusals)
    refused: ClassVar = {
        "buy 1 AAPL @ 99 until=2099-01-01": "good till a date",
        "buy 1 AAPL opg": "opening auction",
        "buy 1 AAPL @ 99 cls": "market orders only for the closing auction",
        "sell 1 AAPL trl=1": "use a stop",
        "buy 0.5 AAPL": "whole shares only",
        "buy 1 AAPL @ 99 gtc ext": "for the day only for extended hours",
        "buy 1 AAPL fok": "limit orders only for immediate execution",
        "buy 1 AAPL @ 99 above=MSFT:200": "none that wait for a price",
        "buy 1 AAPL @ 99 tp=110 sl=90": "no groups of orders",
    }
    groups: ClassVar = []
    figures: ClassVar = {"Order.0.limitPrice", "Order.0.stopPrice", "Order.0.Instrument.0.quantity"}
    wires: ClassVar = [
        (
            "sell 7 BRK.B @ 101.37 gtc",
            {
                "orderType": "EQ",
                "Order.0.priceType": "LIMIT",
                "Order.0.limitPrice": "101.37",
                "Order.0.orderTerm": "GOOD_UNTIL_CANCEL",
                "Order.0.marketSession": "REGULAR",
                "Order.0.Instrument.0.orderAction": "SELL",
                "Order.0.Instrument.0.quantity": "7",
                "Order.0.Instrument.0.Product.symbol": "BRK.B",
                "Order.0.Instrument.0.Product.securityType": "EQ",
            },
        ),
        ("buy 7 AAPL", {"Order.0.priceType": "MARKET", "Order.0.orderTerm": "GOOD_FOR_DAY"}),
        ("buy 7 AAPL stp=101.37", {"Order.0.priceType": "STOP", "Order.0.stopPrice": "101.37"}),
        (
            "sell 7 AAPL @ 98 stp=99",
            {"Order.0.priceType": "STOP_LIMIT", "Order.0.limitPrice": "98", "Order.0.stopPrice": "99"},
        ),
        ("buy 7 AAPL @ 99 ioc", {"Order.0.orderTerm": "IMMEDIATE_OR_CANCEL", "Order.0.limitPrice": "99"}),
        ("buy 7 AAPL @ 99 fok", {"Order.0.orderTerm": "FILL_OR_KILL", "Order.0.limitPrice": "99"}),
        ("sell 7 AAPL cls", {"Order.0.priceType": "MARKET_ON_CLOSE", "Order.0.orderTerm": "GOOD_FOR_DAY"}),
        ("buy 7 AAPL @ 99 ext", {"Order.0.marketSession": "EXTENDED", "Order.0.limitPrice": "99"}),
    ]

    def vanish(self) -> None:
        broker: Any = self.broker
        broker._settings = load_settings({"STARKMATTER_VENDOR_URLS": {"etrade": NOBODY}})
        if broker._client is not None:
            broker._client._transport._ways = {etrade_session.SANDBOX: NOBODY}

    def wrong(self) -> Broker:
        settings = load_settings({"STARKMATTER_VENDOR_URLS": self.there.urls})
        return ETradeBroker(settings, Secrets(etrade_standin.SIGNED_IN | {"secret": "no"}), InMemory(), tries=1)

    def activities(self) -> list[tuple[str, Decimal]]:
        apple = {"product": {"symbol": "AAPL"}}
        rows: list[tuple[str, float, dict[str, Any]]] = [
            ("Sold", 100.47, apple | {"fee": 0.03}),
            ("Bought", -100.5, apple | {"fee": 0}),
            ("Dividend", 12.4, apple),
            ("Interest", 0.11, {}),
            ("Transfer", 500, {}),
            ("Online Transfer", -100, {}),
            ("Reorganization", 0, apple),
        ]
        self.there.activities = [
            {
                "transactionId": str(18_000 + number * 10 + at),
                "transactionDate": 1_795_500_000_000 + number * 60_000 + at,
                "transactionType": word,
                "amount": amount,
                "description": "words",
                "brokerage": more,
            }
            for number in range(10)
            for at, (word, amount, more) in enumerate(rows)
        ][::-1]
        each = [
            ("fee", Decimal("-0.03")),
            ("dividend", Decimal("12.4")),
            ("interest", Decimal("0.11")),
            ("deposit", Decimal(500)),
            ("withdrawal", Decimal(-100)),
            ("other", Decimal(0)),
        ]
        return each * 10


class IbSide(Side):
    name = "ib"
    wrong_is = Refused  # There are no keys: what can be wrong is what kind of account it is said to be.
    by_our_id = True
    parts = ("positions", "account", "orders", "executions")
    looks = ("orders", "completed")
    secrets = ()
    statuses = IB_STATUSES
    module = ib
    refusals = staticmethod(ib.refusals)
    refused: ClassVar = {
        "buy 1 AAPL stp=99 opg": "only for the auctions",
        "buy 0.5 AAPL": "whole shares only",
        "buy 1 AAPL ext": "limit orders only for extended hours",
        "sell 1 AAPL @ 99 tp=90 sl=110": "begin with a purchase",
    }
    groups: ClassVar = [
        (
            "buy 7 AAPL @ 99.05 gtc tp=110.01 sl=90.02 sll=89.03",
            [
                {"action": "BUY", "type": "LMT", "limit": "99.05", "tif": "GTC", "transmit": "0", "oca": ""},
                {"action": "SELL", "type": "LMT", "limit": "110.01", "tif": "GTC", "transmit": "0", "oca_type": "2"},
                {"action": "SELL", "type": "STP LMT", "limit": "89.03", "aux": "90.02", "transmit": "1", "qty": "7"},
            ],
        ),
        (
            "buy 7 AAPL sl=90.02",
            [{"action": "BUY", "type": "MKT", "transmit": "0"}, {"type": "STP", "aux": "90.02", "transmit": "1"}],
        ),
        (
            "sell 7 AAPL @ 110.5 gtc oco sl=90",
            [
                {"action": "SELL", "type": "LMT", "limit": "110.5", "transmit": "1", "parent": "0", "oca_type": "2"},
                {"action": "SELL", "type": "STP", "aux": "90", "transmit": "1", "parent": "0", "oca_type": "2"},
            ],
        ),
    ]
    figures: ClassVar = {"limit", "aux", "percent"}
    wires: ClassVar = [
        (
            "sell 7 BRK.B @ 101.37 gtc",
            {
                "symbol": "BRK B",
                "kind": "STK",
                "exchange": "SMART",
                "action": "SELL",
                "qty": "7",
                "type": "LMT",
                "limit": "101.37",
                "aux": "",
                "percent": "",
                "tif": "GTC",
                "account": ib_standin.ACCOUNT,
                "outside": "0",
            },
        ),
        ("buy 7 AAPL", {"type": "MKT", "limit": "", "aux": "", "percent": "", "tif": "DAY"}),
        ("buy 7 AAPL stp=101.37 gtc", {"type": "STP", "limit": "", "aux": "101.37", "percent": ""}),
        ("sell 7 AAPL @ 98 stp=99", {"type": "STP LMT", "limit": "98", "aux": "99", "percent": ""}),
        ("sell 7 AAPL trl=1.25", {"type": "TRAIL", "limit": "", "aux": "1.25", "percent": ""}),
        ("sell 7 AAPL pct=2.5 gtc", {"type": "TRAIL", "limit": "", "aux": "", "percent": "2.5"}),
        ("buy 7 AAPL @ 99 ioc", {"tif": "IOC", "limit": "99", "aux": "", "percent": ""}),
        ("buy 7 AAPL opg", {"type": "MKT", "tif": "OPG", "limit": "", "aux": "", "percent": ""}),
        ("sell 7 AAPL @ 99 cls", {"type": "LOC", "tif": "DAY", "limit": "99", "aux": "", "percent": ""}),
        ("buy 7 AAPL @ 99 ext", {"outside": "1", "limit": "99", "aux": "", "percent": ""}),
        (
            "buy 7 AAPL @ 99 until=2027-03-05",
            {"tif": "GTD", "until": "20270305 23:59:59 US/Eastern", "limit": "99", "aux": "", "percent": ""},
        ),
        (
            "buy 7 AAPL @ 99 gtc below=MSFT:198.75",
            {"condition": "1,a,0,198.75,272093,SMART,2", "limit": "99", "aux": "", "percent": ""},
        ),
        ("buy 7 AAPL above=MSFT:200", {"condition": "1,a,1,200,272093,SMART,2", "limit": "", "aux": "", "percent": ""}),
    ]

    async def begin(self) -> None:
        await self.broker.find("sm-nothing")

    def fault(self, kind: str, fault: int | str) -> None:
        words = {"drop": "drop", "accept-504": "accept-hang", "accept-drop": "accept-drop"}
        certain = {400, 403, 422} if kind == "submit" else set()
        self.there.fault(kind, "reject" if fault in certain else words.get(str(fault), "hang"))

    def kind(self, kind: str) -> str:
        return "unreachable"

    def hand_over(self, fresh: Side) -> None:
        fresh.there.orders, fresh.there.order_ids = self.there.orders, self.there.order_ids

    def drop_stream(self) -> None:
        self.there.drop_all()

    def say(self, client_id: str, word: str) -> None:
        super().say(client_id, word)
        self.there.tell(self.number(client_id))

    def vanish(self) -> None:
        broker: Any = self.broker
        broker._secrets = Secrets(self.there.keys | {"port": NOBODY.rpartition(":")[2]})
        broker._drop()

    def wrong(self) -> Broker:
        return IbBroker(load_settings({}), Secrets(self.there.keys | {"mode": "live"}), InMemory(), tries=1)

    def activities(self) -> list[tuple[str, Decimal]]:
        self.there.commission = Decimal("1.05")
        for number in range(3):
            asked = {"action": "BUY", "qty": "2", "type": "MKT", "limit": "", "aux": "", "tif": "DAY"}
            asked |= {"ref": f"by-hand-{number}", "outside": "0", "percent": ""}
            kept = self.there.take("AAPL", "buy", Decimal(2), asked)
            self.there.fill(kept.number, "2", "100", tell=False)
        return [("fee", Decimal("-1.05"))] * 3


@contextmanager
def at_alpaca() -> Iterator[Side]:
    with alpaca_trading(hang_secs=HANG_SECS) as there:
        settings = load_settings({"STARKMATTER_VENDOR_URLS": there.urls})
        keys = Secrets({"key_id": KEY_ID, "secret": SECRET})
        sent = InMemory()
        yield AlpacaSide(AlpacaBroker(settings, keys, sent, tries=1), there, sent)


@contextmanager
def at_schwab() -> Iterator[Side]:
    with schwab_standin.schwab(hang_secs=HANG_SECS) as there:
        settings, sent = load_settings({"STARKMATTER_VENDOR_URLS": there.urls}), InMemory()
        keys = Secrets(schwab_standin.SIGNED_IN)
        yield SchwabSide(SchwabBroker(settings, keys, sent, tries=1), there, sent)


@contextmanager
def at_etrade() -> Iterator[Side]:
    with etrade_standin.etrade(hang_secs=HANG_SECS) as there:
        settings, sent = load_settings({"STARKMATTER_VENDOR_URLS": there.urls}), InMemory()
        keys = Secrets(etrade_standin.SIGNED_IN)
        yield ETradeSide(ETradeBroker(settings, keys, sent, tries=1), there, sent)


@contextmanager
def at_ib() -> Iterator[Side]:
    with ib_standin.tws(hang_secs=HANG_SECS) as there:
        sent = InMemory()
        yield IbSide(IbBroker(load_settings({}), Secrets(there.keys), sent, tries=1), there, sent)


SIDES: dict[str, Callable[[], AbstractContextManager[Side]]] = {
    "alpaca": at_alpaca,
    "schwab": at_schwab,
    "etrade": at_etrade,
    "ib": at_ib,
}


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Every leaf of a message under its path, figures as text."""
    if isinstance(value, dict):
        return {key: text for name, one in value.items() for key, text in flat(one, f"{path}.{name}").items()}
    if isinstance(value, list):
        return {key: text for at, one in enumerate(value) for key, text in flat(one, f"{path}.{at}").items()}
    return {path.removeprefix("."): str(value).removesuffix(".0")}
