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
LISTS = {"orderLegCollection", "childOrderStrategies"}
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
    roots: list[dict[str, Any]] = field(default_factory=list)

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
            **{name: value for name, value in kept.asked.items() if name not in LISTS},
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

    def enter(self, body: dict[str, Any]) -> str:
        """Take an order, or a group, as it came over the wire, or as somebody enters it by hand; its number."""
        with self.lock:
            node = self._enter(body, waits=False)
            self.roots.append(node)
        return str(node["number"])

    def _enter(self, body: dict[str, Any], *, waits: bool) -> dict[str, Any]:
        number, kept = None, None
        if body["orderStrategyType"] != "OCO":
            [leg] = body["orderLegCollection"]
            side = "buy" if leg["instruction"] == "BUY" else "sell"
            symbol, qty = leg["instrument"]["symbol"].replace("/", "."), Decimal(str(leg["quantity"]))
            kept = self.take(symbol, side, qty, body)
            number = kept.number
            if waits:
                kept.status = "AWAITING_PARENT_ORDER"
        children = [self._enter(one, waits=waits or kept is not None) for one in body.get("childOrderStrategies", [])]
        return {"number": number or str(next(self.numbers)), "kept": kept, "children": children}

    def listed(self, node: dict[str, Any]) -> dict[str, Any]:
        """A node of the list, with what hangs on it; a pair is a node without shares of its own."""
        if node["kept"] is None:
            entered = stamp(node["children"][0]["kept"].entered_at)
            found = {"orderStrategyType": "OCO", "orderId": int(node["number"]), "enteredTime": entered}
        else:
            found = self.order(node["kept"])
        children = [self.listed(one) for one in node["children"]]
        return found | ({"childOrderStrategies": children} if children else {})

    def entered_at(self, node: dict[str, Any]) -> datetime:
        return min(one.entered_at for one in self._below(node))

    def node_of(self, number: str, nodes: list[dict[str, Any]] | None = None) -> dict[str, Any] | None:
        for node in self.roots if nodes is None else nodes:
            found = node if node["number"] == number else self.node_of(number, node["children"])
            if found is not None:
                return found
        return None

    def _below(self, node: dict[str, Any]) -> list[Kept]:
        here = [node["kept"]] if node["kept"] else []
        return here + [kept for one in node["children"] for kept in self._below(one)]

    def fill(self, number: str, qty: str, price: str) -> None:
        super().fill(number, qty, price)
        kept, node = self.orders[number], self.node_of(number)
        if kept.status != "FILLED" or node is None:
            return
        for child in self._below(node)[1:]:
            child.status = "WORKING"
        for pair in self._pairs(self.roots):
            mine = self._below(pair)
            if kept in mine:
                for other in mine:
                    if other is not kept and self.is_open(other):
                        other.status = "CANCELED"

    def _pairs(self, nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for node in nodes for one in ([] if node["kept"] else [node]) + self._pairs(node["children"])]

    def cancel(self, number: str) -> bool:
        done, node = super().cancel(number), self.node_of(number)
        for child in self._below(node)[1:] if done and node is not None else []:
            child.status = "CANCELED"
        return done


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
                    listed = [one for one in there.roots if since <= there.entered_at(one) <= until]
                    self.say(200, [there.listed(one) for one in reversed(listed)])
        elif path == f"{self._home()}/transactions":
            if not self.spoiled("activities"):
                self.say(200, there.activities)
        elif found := re.fullmatch(rf"{self._home()}/orders/(\d+)", path):
            if not self.spoiled("find"):
                node = there.node_of(found[1])
                if node is None:
                    self.error(404, "Order not found")
                else:
                    self.say(200, there.listed(node))
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
        number = there.enter(body)
        if not self.accepted():
            place = f"https://api.schwabapi.com/trader/v1/accounts{self._home()}/orders/{number}"
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
