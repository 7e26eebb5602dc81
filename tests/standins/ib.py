"""Interactive Brokers' TWS on loopback: its socket protocol as version 178 speaks it, misbehaving as told."""

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.standins.book import Book, Kept

ACCOUNT = "DU8400123"
VERSION = "178"
KEYS = {"host": "127.0.0.1", "port": "0", "client": "17", "mode": "paper", "account": ""}
ENDED = {"Filled", "Cancelled", "ApiCancelled"}
CON_IDS = {"AAPL": "265598", "MSFT": "272093", "KO": "8894", "BRK B": "72063691"}


@dataclass
class Tws(Book):
    """Kinds of faults: connect, positions, account, orders, completed, executions, submit, cancel. Words: `hang` (no
    answer), `drop`, `accept-hang`, `accept-drop`, `reject`, `reject-last` (of a group)."""

    number: str = ACCOUNT
    sessions: set["_Session"] = field(default_factory=set)
    commission: Decimal = Decimal(0)
    executions: list[dict[str, Any]] = field(default_factory=list)
    late_parts: bool = False
    order_ids: dict[str, tuple[str, str]] = field(default_factory=dict)

    NEW = "Submitted"
    FILLED = "Filled"
    CANCELED = "Cancelled"

    @property
    def keys(self) -> dict[str, str]:
        return KEYS | {"port": str(self.port)}

    def is_open(self, kept: Kept) -> bool:
        return kept.status not in ENDED

    def _others(self, kept: Kept) -> list[Kept]:
        """Open orders that share their shares with this one."""
        group = kept.asked.get("oca")
        alike = [one for one in self.orders.values() if group and one.asked.get("oca") == group and one is not kept]
        return [one for one in alike if self.is_open(one)]

    def _children(self, kept: Kept) -> list[Kept]:
        mine = self.order_ids.get(kept.number)
        return [
            one
            for one in self.orders.values()
            if mine and self.is_open(one) and (one.asked.get("parent"), self.order_ids[one.number][1]) == mine
        ]

    def fill(self, number: str, qty: str, price: str, *, tell: bool = True) -> None:
        super().fill(number, qty, price)
        kept = self.orders[number]
        with self.lock:
            name = f"0000e0d5.{number}.{len(self.executions):04}"
            made = {"id": f"{name}.01", "number": number, "qty": qty, "price": price, "at": datetime.now(UTC)}
            made |= {"cum": str(kept.filled), "avg": str(kept.average)}
            self.executions.append(made)
            self.cash -= self.commission
        if tell:
            self.tell(number, [made])
        for other in self._others(kept):
            if kept.status == self.FILLED:
                self.cancel(other.number)
            else:
                other.qty -= Decimal(qty)

    def correct(self, qty: str, price: str, *, tell: bool = True) -> None:
        """The newest execution was of so many shares at that price: told as another with the next number at its end."""
        with self.lock:
            was = self.executions[-1]
            kept = self.orders[was["number"]]
            stem, _, revision = was["id"].rpartition(".")
            made = was | {"id": f"{stem}.{int(revision) + 1:02}", "qty": qty, "price": price, "at": datetime.now(UTC)}
            self.executions.append(made)
            sign = 1 if kept.side == "buy" else -1
            shares = Decimal(qty) - Decimal(was["qty"])
            value = Decimal(qty) * Decimal(price) - Decimal(was["qty"]) * Decimal(was["price"])
            held, cost = self.positions.get(kept.symbol, (Decimal(0), Decimal(0)))
            self.positions[kept.symbol] = (held + sign * shares, cost + sign * value)
            if not self.positions[kept.symbol][0]:
                del self.positions[kept.symbol]
            self.cash -= sign * value
        if tell:
            self.tell(kept.number, [made])

    def cancel(self, number: str) -> bool:
        done = super().cancel(number)
        if done:
            self.tell(number)
            for child in self._children(self.orders[number]):
                self.cancel(child.number)
        return done

    def tell(self, number: str, made: list[dict[str, Any]] | None = None) -> None:
        """What every connected program hears of an order."""
        for session in list(self.sessions):
            with suppress(OSError):
                session.order(self.orders[number])
                for one in made or []:
                    session.execution(-1, one)

    def drop_all(self) -> None:
        """It restarts, as every day."""
        for session in list(self.sessions):
            session.close()


class _Session:
    """One connected program."""

    def __init__(self, there: Tws, wire: socket.socket) -> None:
        self.there, self.wire, self.client = there, wire, "0"
        self.kept_back: list[list[str]] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        with suppress(OSError):
            self.wire.shutdown(socket.SHUT_RDWR)

    def say(self, *fields: Any) -> None:
        raw = b"".join(str(one).encode() + b"\0" for one in fields)
        with self._lock:
            self.wire.sendall(struct.pack(">I", len(raw)) + raw)

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self.wire.recv(count - len(found))
            if not part:
                raise ConnectionError
            found += part
        return found

    def _message(self) -> bytes:
        (size,) = struct.unpack(">I", self._read(4))
        return self._read(size)

    def serve(self) -> None:
        there = self.there
        assert self._read(4) == b"API\0"
        assert self._message().startswith(b"v")
        if there.take_fault("connect") is not None:
            return
        self.say(VERSION, "20261126 09:30:00 EST")
        there.sessions.add(self)
        while True:
            fields = self._message().decode().split("\0")
            handler = getattr(self, f"on_{fields[0]}", None)
            if handler is not None and handler(fields) is False:
                return

    def _spoiled(self, kind: str) -> bool | None:
        """Whether nothing is answered (True), or the connection ends (None)."""
        fault = self.there.take_fault(kind)
        if fault in {"drop", "accept-drop"}:
            self.close()
            return None
        return fault is not None

    def on_71(self, fields: list[str]) -> bool | None:
        self.client = fields[2]
        if any(other.client == self.client for other in self.there.sessions - {self}):
            self.say(4, 2, -1, 326, "Unable to connect as the client id is already in use.", "")
            return False
        self.say(9, 1, 100 + len(self.there.orders))
        self.say(15, 1, self.there.number)
        return None

    def on_61(self, _: list[str]) -> bool | None:
        spoiled = self._spoiled("positions")
        if spoiled is not False:
            return spoiled is not None
        for symbol, (qty, cost) in self.there.positions.items():
            self.say(61, 3, self.there.number, *self._contract(symbol.replace(".", " ")), qty, cost / qty)
        self.say(62, 1)
        return True

    def _contract(self, symbol: str) -> list[str]:
        return [CON_IDS.get(symbol, "1"), symbol, "STK", "", "0", "", "", "NASDAQ", "USD", symbol, "NMS"]

    def on_6(self, fields: list[str]) -> None:
        there = self.there
        self.say(6, 2, "TotalCashBalance", there.cash, "USD", there.number)
        self._portfolio()
        self.say(54, 1, there.number)

    def _portfolio(self) -> None:
        there = self.there
        for symbol, (qty, cost) in there.positions.items():
            value = qty * there.prices.get(symbol, cost / qty)
            contract = self._contract(symbol.replace(".", " "))
            self.say(7, 8, *contract, qty, value / qty, value, cost / qty, 0, 0, there.number)

    def on_76(self, fields: list[str]) -> bool | None:
        there = self.there
        spoiled = self._spoiled("account")
        if spoiled is not False:
            return spoiled is not None
        self._portfolio()
        for tag, value, currency in (("NetLiquidation", there.cash, "USD"), ("TotalCashBalance", there.cash, "USD")):
            self.say(73, 1, fields[2], there.number, "", tag, value, currency)
        self.say(74, 1, fields[2])
        return True

    def on_5(self, fields: list[str]) -> bool | None:
        return self.on_16(fields)

    def on_16(self, _: list[str]) -> bool | None:
        spoiled = self._spoiled("orders")
        if spoiled is not False:
            return spoiled is not None
        with self.there.lock:
            for kept in list(self.there.orders.values()):
                if self.there.is_open(kept):
                    self.order(kept)
        self.say(53, 1)
        return True

    def on_99(self, _: list[str]) -> bool | None:
        spoiled = self._spoiled("completed")
        if spoiled is not False:
            return spoiled is not None
        for kept in self.there.orders.values():
            if not self.there.is_open(kept):
                self.say(*self._completed(kept))
        self.say(102)
        return True

    def on_7(self, fields: list[str]) -> bool | None:
        spoiled = self._spoiled("executions")
        if spoiled is not False:
            return spoiled is not None
        if not self.there.late_parts:
            for one in self.there.executions:
                self.execution(fields[2], one)
        self.say(55, 1, fields[2])
        return True

    def on_9(self, fields: list[str]) -> None:
        request, symbol = fields[2], fields[4]
        if symbol in CON_IDS:
            named = [
                request,
                symbol,
                "STK",
                "",
                "0",
                "",
                "SMART",
                "USD",
                symbol,
                "NMS",
                symbol,
                CON_IDS[symbol],
                "0.01",
            ]
            self.say(10, *named, "", "", "SMART", 1, 0, symbol, *[""] * 10, 0, *[""] * 5, "COMMON", 1, 1, 1)
            self.say(52, 1, request)
        else:
            self.say(4, 2, request, 200, "No security definition has been found for the request", "")

    def on_3(self, fields: list[str]) -> bool | None:
        there = self.there
        there.posts.append({**_placed(fields), "client": self.client})
        if there.on_post is not None:
            there.on_post(fields)
        self.kept_back.append(fields)
        if fields[27] == "0":
            return True  # It waits here until the last of its group is sent.
        group, self.kept_back = self.kept_back, []
        fault = there.take_fault("submit")
        if fault == "drop":
            self.close()
            return False
        if fault == "hang":
            return True
        if fault == "reject":
            for one in group:
                self.say(4, 2, one[1], 201, "Order rejected - reason: a fault of the test", "")
            return True
        taken = []
        if fault == "reject-last":
            self.say(4, 2, group[-1][1], 201, "Order rejected - reason: a fault of the test", "")
            group.pop()
        for one in group:
            asked = _placed(one)
            side = "buy" if asked["action"] == "BUY" else "sell"
            with there.lock:
                kept = there.take(asked["symbol"].replace(" ", "."), side, Decimal(asked["qty"]), asked)
                there.order_ids[kept.number] = (one[1], self.client)
                if asked["parent"] != "0":
                    kept.status = "PreSubmitted"
            taken.append(kept)
        if fault == "accept-drop":
            self.close()
            return False
        if fault != "accept-hang":
            for kept in taken:
                self.order(kept)
        return True

    def on_4(self, fields: list[str]) -> bool | None:
        spoiled = self._spoiled("cancel")
        if spoiled is not False:
            return spoiled is not None
        number = next((one for one, known in self.there.order_ids.items() if known == (fields[2], self.client)), "")
        if not self.there.cancel(number):
            self.say(4, 2, fields[2], 10148, "OrderId that needs to be cancelled can not be cancelled", "")
        return True

    def order(self, kept: Kept) -> None:
        """openOrder, then orderStatus, as TWS does."""
        self.say(*self._open(kept))
        order_id, client = self.there.order_ids.get(kept.number, ("0", "0"))
        filled, average = kept.filled, kept.average or 0
        rest = (kept.number, 0, 0, client, "", 0)
        self.say(3, order_id, kept.status, filled, kept.qty - filled, average, *rest)

    def execution(self, request: Any, one: dict[str, Any]) -> None:
        kept = self.there.orders[one["number"]]
        order_id, client = self.there.order_ids.get(kept.number, ("0", "0"))
        side = "BOT" if kept.side == "buy" else "SLD"
        at = one["at"].strftime("%Y%m%d-%H:%M:%S").replace("-", "  ")
        contract = self._contract(kept.symbol.replace(".", " "))
        head = (11, request, order_id, *contract, one["id"], at, self.there.number, "NASDAQ", side, one["qty"])
        rest = (one["price"], kept.number, client, 0, one["cum"], one["avg"], kept.asked["ref"], "", 0, "", 1, 0)
        self.say(*head, *rest)
        if self.there.commission:
            self.say(59, 1, one["id"], self.there.commission, "USD", 0, 0, 0)

    def _terms(self, kept: Kept) -> list[Any]:
        asked = kept.asked
        terms = [asked["action"], asked["qty"], asked["type"], asked["limit"], asked["aux"], asked["tif"]]
        terms.append(asked.get("oca", ""))
        return [*terms, self.there.number, "", "0", asked["ref"]]

    def _open(self, kept: Kept) -> list[Any]:
        order_id, client = self.there.order_ids.get(kept.number, ("0", "0"))
        fields: list[Any] = [5, order_id, *self._contract(kept.symbol.replace(".", " ")), *self._terms(kept)]
        fields += [client, kept.number, kept.asked["outside"], 0, 0, "", "", "", "", ""]  # to faPercentage
        fields += [""] * 29  # modelCode to deltaNeutralAuxPrice
        fields += ["", "", "", kept.asked["percent"], "", "", ""]  # to comboLegsDescrip
        fields += [0, 0, 0, "", "", "", ""]  # legs, order legs, parameters, scale, hedge
        fields += ["", "", "", "", 0, ""]  # to algoStrategy
        fields += ["", 0, kept.status, *[""] * 14, "", ""]  # to randomizePrice
        condition = kept.asked.get("condition")
        fields += [1, *condition.split(","), 0, 0] if condition else [0]
        return [*fields, *[""] * 16, "", "", "", *[""] * 5]

    def _completed(self, kept: Kept) -> list[Any]:
        fields: list[Any] = [101, *self._contract(kept.symbol.replace(".", " ")), *self._terms(kept)]
        fields += [kept.number, kept.asked["outside"], 0, 0, "", "", "", ""]  # to faPercentage
        fields += [""] * 23  # modelCode to deltaNeutralAuxPrice
        fields += ["", "", "", kept.asked["percent"], ""]  # to comboLegsDescrip
        fields += [0, 0, 0, "", "", "", ""]
        fields += ["", "", "", 0, ""]  # to algoStrategy
        fields += ["", kept.status, "", "", 0]  # to the count of conditions
        fields += ["", "", "", "", "", "", kept.filled, *[""] * 6]
        return [*fields, "20261126 09:30:00 US/Eastern", kept.status, *[""] * 5]


def _placed(fields: list[str]) -> dict[str, Any]:
    return {
        "symbol": fields[3],
        "kind": fields[4],
        "exchange": fields[9],
        "action": fields[16],
        "qty": fields[17],
        "type": fields[18],
        "limit": fields[19],
        "aux": fields[20],
        "tif": fields[21],
        "account": fields[23],
        "ref": fields[26],
        "outside": fields[33],
        "percent": fields[69],
        "oca": fields[22],
        "oca_type": fields[46],
        "transmit": fields[27],
        "parent": fields[28],
        "until": fields[38],
        "condition": ",".join(fields[90:97]) if fields[89] == "1" else "",
    }


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def tws(**options: Any) -> Iterator[Tws]:
    """TWS, until the block ends."""
    there = Tws(**options)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            session = _Session(there, self.request)
            try:
                session.serve()
            except (OSError, ConnectionError):
                pass
            finally:
                there.sessions.discard(session)

    server = _Server(("127.0.0.1", there.port), Handler)
    there.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield there
    finally:
        there.drop_all()
        server.shutdown()
        server.server_close()
        time.sleep(0)
