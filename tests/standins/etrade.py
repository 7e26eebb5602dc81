"""E*TRADE's accounts and orders on loopback, in its wire format, with OAuth 1.0a, misbehaving as told.

Every signature is computed anew from what came over the wire (RFC 5849, 3.4), and no nonce counts twice.
"""

import base64
import hmac
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from zoneinfo import ZoneInfo

from tests.standins.book import Book, BookHandler, Kept, serving

KEY, SECRET = "etrade-canary-key-3351", "etrade-canary-secret-8086"
TOKEN, TOKEN_SECRET = "etrade-canary-token/6120=", "etrade-canary-token-secret+7443="
CODE = "Y27X2"
ACCOUNT_KEY = "vQMsebA1H5WltUfDkJP48g"
KEYS = {"key": KEY, "secret": SECRET, "environment": "sandbox", "account": ""}
SIGNED_IN = KEYS | {
    "token": TOKEN,
    "token_secret": TOKEN_SECRET,
    "signed_in_until": "2099-01-01T00:00:00+00:00",
}
ENDED = {"EXECUTED", "DONE_TRADE_EXECUTED", "CANCELLED", "EXPIRED", "REJECTED"}
ORIGINS = ("https://api.etrade.com", "https://apisb.etrade.com")
NEW_YORK = ZoneInfo("America/New_York")
PAIR = re.compile(r'(\w+)="([^"]*)"')


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def day(text: str) -> datetime:
    return datetime.strptime(text, "%m%d%Y").replace(tzinfo=NEW_YORK)


def quoted(text: str) -> str:
    return quote(text, safe="~")


@dataclass
class ETrade(Book):
    """Kinds of faults: accounts, balance, portfolio, orders, preview, submit, cancel, activities.

    `tokens`: the access tokens that are good now, with their secrets; `asleep` ones were not used for two hours.
    """

    tokens: dict[str, str] = field(default_factory=lambda: {TOKEN: TOKEN_SECRET})
    asleep: set[str] = field(default_factory=set)
    requested: dict[str, str] = field(default_factory=dict)
    nonces: set[str] = field(default_factory=set)
    more_accounts: tuple[str, ...] = ()
    previews: dict[int, dict[str, Any]] = field(default_factory=dict)
    late_parts: bool = False
    page_size: int = 100

    NEW = "OPEN"
    FILLED = "EXECUTED"
    CANCELED = "CANCELLED"

    @property
    def urls(self) -> dict[str, str]:
        """For STARKMATTER_VENDOR_URLS."""
        return {"etrade": self.url}

    def is_open(self, kept: Kept) -> bool:
        return kept.status not in ENDED

    def end_sign_in(self) -> None:
        """It is midnight in New York."""
        self.tokens = {}

    def sign_in_anew(self, keys: dict[str, str]) -> dict[str, str]:
        """What is kept after another sign-in."""
        token, secret = f"token-{token_hex(4)}", token_hex(8)
        self.tokens = {token: secret}
        return keys | {"token": token, "token_secret": secret}

    def order(self, kept: Kept) -> dict[str, Any]:
        """As it is listed."""
        [detail] = kept.asked["Order"]
        [instrument] = detail["Instrument"]
        figures = {name: Decimal(detail[name]) if name in detail else 0 for name in ("limitPrice", "stopPrice")}
        told = {"orderedQuantity": kept.qty, "filledQuantity": kept.filled}
        told["averageExecutionPrice"] = Decimal(0) if self.late_parts else kept.average or Decimal(0)
        found = {
            **{name: detail[name] for name in ("allOrNone", "priceType", "orderTerm", "marketSession")},
            **figures,
            "placedTime": millis(kept.entered_at),
            "status": kept.status,
            "Instrument": [{**instrument, **told}],
        }
        if kept.parts:
            found["executedTime"] = millis(kept.parts[-1][2])
        return {"orderId": int(kept.number), "orderType": "EQ", "OrderDetail": [found]}

    def positions_list(self) -> list[dict[str, Any]]:
        return [
            {
                "positionId": number,
                "Product": {"symbol": symbol, "securityType": "EQ"},
                "quantity": qty,
                "positionType": "LONG" if qty > 0 else "SHORT",
                "totalCost": cost,
                "marketValue": qty * self.prices.get(symbol, cost / qty),
            }
            for number, (symbol, (qty, cost)) in enumerate(self.positions.items())
        ]

    def enter(self, asked: dict[str, Any]) -> Kept:
        """Place an order."""
        [detail] = asked["Order"]
        [instrument] = detail["Instrument"]
        side = "buy" if instrument["orderAction"] == "BUY" else "sell"
        return self.take(instrument["Product"]["symbol"], side, Decimal(str(instrument["quantity"])), asked)


class _Handler(BookHandler):
    there: ETrade

    def error(self, status: int, message: str) -> None:
        self.say(status, {"Error": {"code": 100, "message": message}})

    def _oauth(self) -> dict[str, str]:
        header = self.headers["Authorization"] or ""
        return {name: unquote(text) for name, text in PAIR.findall(header)}

    def _signed(self, secrets: dict[str, str] | None) -> bool:
        """Whether the signature is right, with the secret of the token that is named (None: without a token)."""
        said, there = self._oauth(), self.there
        secret = "" if secrets is None else secrets.get(said.get("oauth_token", ""))
        problem = ""
        if said.get("oauth_consumer_key") != KEY:
            problem = "consumer_key_unknown"
        elif secret is None:
            problem = "token_rejected"
        elif said["oauth_nonce"] in there.nonces or said["oauth_signature_method"] != "HMAC-SHA1":
            problem = "nonce_used"
        elif said["oauth_signature"] not in self._signatures(said, secret):
            problem = "signature_invalid"
        elif said.get("oauth_token") in there.asleep:
            problem = "token_expired"
        if problem:
            self.say(401, {"Error": {"message": f"oauth_problem={problem}"}})
            return False
        there.nonces.add(said["oauth_nonce"])
        return True

    def _signatures(self, said: dict[str, str], secret: str) -> set[str]:
        parts = urlsplit(self.path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        pairs += [(name, text) for name, text in said.items() if name not in {"oauth_signature", "realm"}]
        whole = quoted("&".join(f"{name}={text}" for name, text in sorted((quoted(a), quoted(b)) for a, b in pairs)))
        key = f"{quoted(SECRET)}&{quoted(secret)}".encode()
        bases = (f"{self.command}&{quoted(origin + parts.path)}&{whole}" for origin in ORIGINS)
        return {base64.b64encode(hmac.digest(key, base.encode(), "sha1")).decode() for base in bases}

    def _home(self) -> str:
        return f"/v1/accounts/{ACCOUNT_KEY}{self.there.number[-1]}"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        there, path, asked = self.there, unquote(parts.path), dict(parse_qsl(parts.query))
        there.asked.append(path)
        if path.startswith("/oauth/"):
            self._sign_in(path)
            return
        if not self._signed(there.tokens):
            return
        if path == "/v1/accounts/list.json":
            if not self.spoiled("accounts"):
                self.say(200, {"AccountListResponse": {"Accounts": {"Account": self._accounts()}}})
        elif path == f"{self._home()}/balance.json":
            if not self.spoiled("balance"):
                assert asked == {"instType": "BROKERAGE", "realTimeNAV": "true"}
                computed = {"netCash": there.cash, "cashBalance": there.cash}
                self.say(200, {"BalanceResponse": {"accountId": there.number, "Computed": computed}})
        elif path == f"{self._home()}/portfolio.json":
            if not self.spoiled("portfolio"):
                found = there.positions_list()
                whole = {"AccountPortfolio": [{"totalPages": 1, "Position": found}]}
                self.say(200 if found else 204, {"PortfolioResponse": whole} if found else None)
        elif path == f"{self._home()}/orders.json":
            if not self.spoiled("orders"):
                self._list(asked)
        elif path == f"{self._home()}/transactions.json":
            if not self.spoiled("activities"):
                self._transactions(asked)
        else:
            self.error(404, "no such place")

    def _accounts(self) -> list[dict[str, str]]:
        numbers = (self.there.number, *self.there.more_accounts)
        found = [
            {"accountId": one, "accountIdKey": ACCOUNT_KEY + one[-1], "accountStatus": "ACTIVE"} for one in numbers
        ]
        found.append({"accountId": "1", "accountIdKey": "closed", "accountStatus": "CLOSED"})
        return [one | {"institutionType": "BROKERAGE"} for one in found]

    def _list(self, asked: dict[str, str]) -> None:
        there, start = self.there, int(asked.get("marker", 0))
        since, until = day(asked["fromDate"]), day(asked["toDate"]) + timedelta(days=1)
        with there.lock:
            found = [there.order(one) for one in there.orders.values() if since <= one.entered_at < until][::-1]
        page = found[start : start + there.page_size]
        more = {"marker": str(start + there.page_size)} if start + there.page_size < len(found) else {}
        self.say(200 if page else 204, {"OrdersResponse": {"Order": page} | more} if page else None)

    def _transactions(self, asked: dict[str, str]) -> None:
        found, start, count = self.there.activities, int(asked.get("marker", 0)), int(asked["count"])
        page = found[start : start + count]
        more = start + count < len(found)
        body = {"Transaction": page, "moreTransactions": more} | ({"marker": str(start + count)} if more else {})
        self.say(200 if page else 204, {"TransactionListResponse": body} if page else None)

    def do_POST(self) -> None:
        body, there = json.loads(self.body()), self.there
        if self.path == f"{self._home()}/orders/preview.json":
            if self._signed(there.tokens) and not self.spoiled("preview"):
                number = next(there.numbers)
                there.previews[number] = body["PreviewOrderRequest"]
                self.say(200, {"PreviewOrderResponse": {"orderType": "EQ", "PreviewIds": [{"previewId": number}]}})
            return
        assert self.path == f"{self._home()}/orders/place.json"
        placed = body["PlaceOrderRequest"]
        there.posts.append(placed)
        if there.on_post is not None:
            there.on_post(placed)
        if not self._signed(there.tokens) or self.spoiled("submit"):
            return
        [named] = placed["PreviewIds"]
        if {**placed, "PreviewIds": None} != {**there.previews[named["previewId"]], "PreviewIds": None}:
            self.error(400, "The order is not the one that was previewed.")
            return
        kept = there.enter(placed)
        if not self.accepted():
            answer = {"orderType": "EQ", "OrderIds": [{"orderId": int(kept.number)}]}
            self.say(200, {"PlaceOrderResponse": answer})

    def do_PUT(self) -> None:
        body = json.loads(self.body())
        if not self._signed(self.there.tokens) or self.spoiled("cancel"):
            return
        number = str(body["CancelOrderRequest"]["orderId"])
        if self.there.cancel(number):
            self.say(200, {"CancelOrderResponse": {"orderId": int(number), "cancelTime": millis(datetime.now(UTC))}})
        else:
            self.error(400, "This order cannot be canceled any more.")

    def _sign_in(self, path: str) -> None:
        there, said = self.there, self._oauth()
        if path == "/oauth/request_token":
            if self._signed(None):
                assert said["oauth_callback"] == "oob"
                token, secret = f"request-{token_hex(4)}/+", token_hex(8)
                there.requested[token] = secret
                self._tokens(token, secret, "&oauth_callback_confirmed=true")
        elif path == "/oauth/access_token":
            if self._signed(there.requested):
                if said.get("oauth_verifier") != CODE:
                    self.say(401, {"Error": {"message": "oauth_problem=verifier_invalid"}})
                    return
                del there.requested[said["oauth_token"]]
                there.tokens = {TOKEN: TOKEN_SECRET}
                self._tokens(TOKEN, TOKEN_SECRET, "")
        elif path == "/oauth/renew_access_token":
            there.asleep.discard(said.get("oauth_token", ""))
            if self._signed(there.tokens):
                self.say(200, b"Access Token has been renewed", kind="text/html")

    def _tokens(self, token: str, secret: str, more: str) -> None:
        text = f"oauth_token={quote(token, safe='')}&oauth_token_secret={quote(secret, safe='')}{more}"
        self.say(200, text.encode(), kind="application/x-www-form-urlencoded")


@contextmanager
def etrade(**options: Any) -> Iterator[ETrade]:
    """The broker, until the block ends."""
    with serving(ETrade(**options), _Handler) as there:
        yield there
