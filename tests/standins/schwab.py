"""Schwab's accounts and orders on loopback, in its wire format, with its sign-in, misbehaving as told.

It lives in the test's process and so survives a worker that is killed: its `orders` are the broker's book.
"""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.standins.book import Book, BookHandler, Kept, serving

KEY, SECRET = "schwab-canary-key-4410", "schwab-canary-secret-9023"
REFRESH = "schwab-canary-refresh-7719"
CODE = "C0.canary-code@"
CALLBACK = "https://127.0.0.1"
HASH = "A1B2C3D4E5F6"
KEYS = {"key": KEY, "secret": SECRET, "callback": CALLBACK, "account": ""}
SIGNED_IN = KEYS | {"refresh_token": REFRESH, "signed_in_until": "2099-01-01T00:00:00+00:00"}
ENDED = {"CANCELED", "REPLACED", "REJECTED", "EXPIRED", "FILLED"}


def stamp(at: datetime) -> str:
    """Schwab's own form: milliseconds and a zone without a colon."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}+0000"


@dataclass
class Schwab(Book):
    """Kinds of faults: token, numbers, account, orders, find, submit, cancel, activities.

    `refresh` is the token that is good now; None when every sign-in has ended.
    """

    refresh: str | None = REFRESH
    access: set[str] = field(default_factory=set)
    more_accounts: tuple[str, ...] = ()
    late_parts: bool = False

    @property
    def urls(self) -> dict[str, str]:
        """For STARKMATTER_VENDOR_URLS."""
        return {"schwab": self.url}

    def end_sign_in(self) -> None:
        """The seven days are over: neither token is good any more."""
        self.refresh, self.access = None, set()

    def sign_in_anew(self, keys: dict[str, str]) -> dict[str, str]:
        """What is kept after another sign-in."""
        self.refresh = REFRESH + "-2"
        return keys | {"refresh_token": self.refresh}

    def is_open(self, kept: Kept) -> bool:
        return kept.status not in ENDED

    def account(self) -> dict[str, Any]:
        positions = [
            {
                "shortQuantity": max(-qty, Decimal(0)),
                "longQuantity": max(qty, Decimal(0)),
                "averagePrice": cost / qty,
                "marketValue": qty * self.prices.get(symbol, cost / qty),
                "instrument": {"assetType": "EQUITY", "cusip": "000000000", "symbol": symbol.replace(".", "/")},
            }
            for symbol, (qty, cost) in self.positions.items()
        ]
        account = {
            "type": "CASH",
            "accountNumber": self.number,
            "isClosingOnlyRestricted": False,
            "currentBalances": {"cashBalance": self.cash, "liquidationValue": self.cash},
        }
        # Like the real one: no list at all without positions.
        return {"securitiesAccount": account | ({"positions": positions} if positions else {})}

    def order(self, kept: Kept) -> dict[str, Any]:
        """As it is listed."""
        found = {
            **{name: value for name, value in kept.asked.items() if name != "orderLegCollection"},
            "orderId": int(kept.number),
            "accountNumber": int(self.number),
            "quantity": kept.qty,
            "filledQuantity": kept.filled,
            "remainingQuantity": kept.qty - kept.filled,
            "status": kept.status,
            "enteredTime": stamp(kept.entered_at),
            "cancelable": self.is_open(kept),
            "orderLegCollection": [{**leg, "legId": 1} for leg in kept.asked["orderLegCollection"]],
        }
        for name in ("price", "stopPrice", "stopPriceOffset"):
            if name in found:
                found[name] = Decimal(str(found[name]))
        if kept.status in ENDED:
            found["closeTime"] = stamp(datetime.now(UTC))
        if kept.parts and not self.late_parts:
            found["orderActivityCollection"] = [
                {
                    "activityType": "EXECUTION",
                    "executionType": "FILL",
                    "quantity": qty,
                    "executionLegs": [{"legId": 1, "quantity": qty, "price": price, "time": stamp(at)}],
                }
                for qty, price, at in kept.parts
            ]
        return found

    def enter(self, body: dict[str, Any]) -> Kept:
        """Take an order as it came over the wire, or as somebody enters it by hand."""
        [leg] = body["orderLegCollection"]
        side = "buy" if leg["instruction"] == "BUY" else "sell"
        return self.take(leg["instrument"]["symbol"].replace("/", "."), side, Decimal(str(leg["quantity"])), body)


class _Handler(BookHandler):
    there: Schwab

    def _signed(self) -> bool:
        scheme, _, token = (self.headers["Authorization"] or "").partition(" ")
        if scheme == "Bearer" and token in self.there.access:
            return True
        self.say(401, {"errors": [{"status": "401", "title": "Unauthorized"}]})
        return False

    def error(self, status: int, message: str) -> None:
        self.say(status, {"message": message, "errors": [message]})

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        there, path = self.there, parts.path.removeprefix("/trader/v1/accounts")
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        there.asked.append(path)
        if not self._signed():
            return
        if path == "/accountNumbers":
            if not self.spoiled("numbers"):
                numbers = (there.number, *there.more_accounts)
                self.say(200, [{"accountNumber": one, "hashValue": HASH + one[-1]} for one in numbers])
        elif path == self._home():
            if not self.spoiled("account"):
                assert asked["fields"] == "positions"
                self.say(200, there.account())
        elif path == f"{self._home()}/orders":
            if not self.spoiled("orders"):
                since, until = (datetime.fromisoformat(asked[f"{one}EnteredTime"]) for one in ("from", "to"))
                with there.lock:
                    listed = [one for one in there.orders.values() if since <= one.entered_at <= until]
                    self.say(200, [there.order(one) for one in reversed(listed)])
        elif path == f"{self._home()}/transactions":
            if not self.spoiled("activities"):
                self.say(200, there.activities)
        elif found := re.fullmatch(rf"{self._home()}/orders/(\d+)", path):
            if not self.spoiled("find"):
                kept = there.orders.get(found[1])
                if kept is None:
                    self.error(404, "Order not found")
                else:
                    self.say(200, there.order(kept))
        else:
            self.error(404, "no such place")

    def _home(self) -> str:
        return f"/{HASH}{self.there.number[-1]}"

    def do_POST(self) -> None:
        if self.path == "/v1/oauth/token":
            self._token({name: values[0] for name, values in parse_qs(self.body().decode()).items()})
            return
        body = json.loads(self.body())
        there = self.there
        there.posts.append(body)
        if there.on_post is not None:
            there.on_post(body)
        if not self._signed() or self.spoiled("submit"):
            return
        kept = there.enter(body)
        if not self.accepted():
            place = f"https://api.schwabapi.com/trader/v1/accounts{self._home()}/orders/{kept.number}"
            self.say(201, None, headers={"Location": place})

    def do_DELETE(self) -> None:
        if not self._signed() or self.spoiled("cancel"):
            return
        if self.there.cancel(self.path.rpartition("/")[2]):
            self.say(200, None)
        else:
            self.error(400, "Order cannot be canceled")

    def _token(self, asked: dict[str, str]) -> None:
        there = self.there
        basic = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if self.spoiled("token"):
            return
        if self.headers["Authorization"] != f"Basic {basic}":
            self.say(401, {"error": "invalid_client", "error_description": "Unauthorized"})
        elif asked["grant_type"] == "authorization_code" and (asked["code"], asked["redirect_uri"]) != (CODE, CALLBACK):
            self.say(400, {"error": "invalid_grant", "error_description": "code"})
        elif asked["grant_type"] == "refresh_token" and asked["refresh_token"] != there.refresh:
            said = {"error": "unsupported_token_type", "error_description": "refresh_token_authentication_error"}
            self.say(400, said)
        else:
            if asked["grant_type"] == "authorization_code":
                there.refresh = REFRESH
            access = f"access-{token_hex(8)}"
            there.access.add(access)
            self.say(
                200,
                {
                    "expires_in": 1800,
                    "token_type": "Bearer",
                    "scope": "api",
                    "refresh_token": there.refresh,
                    "access_token": access,
                    "id_token": "x",
                },
            )


@contextmanager
def schwab(**options: Any) -> Iterator[Schwab]:
    """The broker, until the block ends."""
    with serving(Schwab(**options), _Handler) as there:
        yield there
