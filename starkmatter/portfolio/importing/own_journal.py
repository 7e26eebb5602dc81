"""Our own export of a ledger, as JSON lines, read back entry by entry: the same legs, words, instants and order.

It is no file of another program: nothing is made of it that it does not say. What does not balance, or names what the
books do not know, is a problem.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from starkmatter.domain.ledger import CASH, DEPOSITS, HOLDING, MOVED_IN, MOVED_OUT, Booking, Leg
from starkmatter.domain.money import ZERO, plain
from starkmatter.portfolio.importers.bounds import MAX_ROWS, too_large
from starkmatter.portfolio.importers.checking import CONTROL, CURRENCY, MOST, SYMBOL
from starkmatter.portfolio.importing.dry_run import Said

NAME, TITLE = "starkmatter", "StarkMatter's own ledger (JSON lines)"
KEYS = frozenset({"booked_at", "venue_at", "kind", "description", "postings"})
KIND = re.compile(r"[a-z_]{1,40}")
ACCOUNT = re.compile(rf"{CASH}|{HOLDING}|(equity|expenses|income|memo):[a-z ]{{1,40}}")
FIRST_YEAR = 1900
LOT = re.compile(r"[1-9][0-9]{0,17}(~[0-9]{1,6})?")
METHODS = ("fifo", "lifo", "hifo")
MAX_WORDS, MAX_LEGS, MAX_DECIMALS, MAX_NAME, MAX_PICKS = 1_000, 40, 9, 200, 200
MOST_ENTRIES = 2**62
NO_MOVE = "what it says of a move between accounts does not fit it"


class _Bad(ValueError):
    """What a line cannot be, as a clause."""


def is_own_journal(text: str) -> bool:
    """Whether the first line is an entry of a ledger as we write it."""
    first = text.lstrip("\ufeff\n ")[:20_000].split("\n", 1)[0]
    if not first.startswith("{"):
        return False
    try:
        return set(orjson.loads(first)) >= KEYS
    except orjson.JSONDecodeError:
        return False


def journal_told(asked: dict[str, Any], text: str) -> Iterator[Said]:
    """The dry run of such a file, in the words of `child`."""
    known, until = frozenset(asked["known"]), datetime.fromisoformat(asked["now"])
    counts: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    kinds: dict[str, list[Decimal]] = {}
    marks: dict[Any, str] = {}
    moments: list[datetime] = []
    cash = ZERO
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) > MAX_ROWS:
        raise too_large(f"The file has more than {MAX_ROWS:,} entries. Export a shorter period.")
    for turn, (number, line) in enumerate(lines):
        try:
            entry_id, at, booking, reverses, moved = _entry(line)
        except _Bad as error:
            yield ["line", "problem", counts["problem"], number, *[None] * 8, False, f"{str(error).capitalize()}."]
            counts["problem"] += 1
            continue
        mark = _mark(at, booking, seen)
        marks[entry_id] = mark
        moments.append(at)
        kinds.setdefault(booking.kind, []).append(booking.cash)
        outcome, words = _outcome(asked["currency"], at, booking, mark in known, until)
        if outcome == "booked" and reverses is not None and reverses not in marks:
            outcome, words = "not_booked", "It takes an entry back that is not in the file."
        held = next((leg for leg in booking.legs if leg.account == HOLDING), None)
        facts = [
            number, booking.kind, at.isoformat(), held.commodity if held else "",
            plain(abs(held.amount)) if held else None, None, plain(booking.cash), asked["currency"],
            booking.description,
        ]  # fmt: skip
        yield ["line", outcome, counts[outcome], *facts, False, words]
        if outcome == "booked":
            cash += booking.cash
            legs = booking.legs
            yield [
                "booking", counts[outcome], 0, turn, mark, booking.kind, booking.description, at.isoformat(),
                [leg.account for leg in legs], [leg.commodity for leg in legs], [plain(leg.amount) for leg in legs],
                None if reverses is None else marks[reverses],
                entry_id if isinstance(entry_id, int) and 0 < entry_id < MOST_ENTRIES else None, moved,
            ]  # fmt: skip
        counts[outcome] += 1
    yield ["summary", _summary(asked["currency"], counts, cash, kinds, moments)]


def _summary(
    currency: str,
    counts: Counter[str],
    cash: Decimal,
    kinds: dict[str, list[Decimal]],
    moments: Sequence[datetime],
) -> dict[str, Any]:
    return {
        "format": NAME,
        "title": TITLE,
        "counts": {name: counts[name] for name in ("booked", "known", "not_booked", "problem", "note")},
        "cash": plain(cash),
        "first_at": min(moments).isoformat() if moments else None,
        "last_at": max(moments).isoformat() if moments else None,
        "kinds": [[kind, currency, len(moved), plain(sum(moved, ZERO))] for kind, moved in sorted(kinds.items())],
        "stated": [],
        "totals_off": [],
        "unnamed": [],
    }


def _outcome(currency: str, at: datetime, booking: Booking, is_known: bool, until: datetime) -> tuple[str, str]:
    if is_known:
        return "known", "It was booked before."
    units = {leg.commodity for leg in booking.legs if leg.account in {CASH, DEPOSITS}}
    if units - {currency}:
        return "not_booked", f"It is in {min(units - {currency})}, the account in {currency}."
    if at > until:
        return "not_booked", "Its day has not come yet."
    return "booked", booking.description


def _mark(at: datetime, booking: Booking, seen: Counter[str]) -> str:
    """What tells the entry again; the second of two equal ones has another than the first."""
    legs = [(leg.account, leg.commodity, plain(leg.amount)) for leg in booking.legs]
    key = repr((NAME, booking.kind, booking.description, at.isoformat(), legs))
    seen[key] += 1
    return sha256(f"{key}#{seen[key]}".encode()).hexdigest()


def _entry(line: str) -> tuple[Any, datetime, Booking, Any, dict[str, Any] | None]:
    """Id, instant, entry, the id of the one it takes back, and what it is of a move; _Bad says what does not fit."""
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _Bad("the line is no JSON") from None
    if not isinstance(said, dict) or not set(said) >= KEYS:
        raise _Bad("the line is no entry of a ledger")
    kind, words, postings = said["kind"], said["description"], said["postings"]
    if not isinstance(kind, str) or not KIND.fullmatch(kind):
        raise _Bad("its kind is none that the books know")
    if not isinstance(words, str) or len(words) > MAX_WORDS or CONTROL.search(words):
        raise _Bad("its words cannot be kept")
    if not isinstance(postings, list) or not 2 <= len(postings) <= MAX_LEGS:
        raise _Bad("it has not between two and forty legs")
    try:
        booking = Booking(kind, words, _legs(postings))
        moved = _moved(said.get("moved"), booking)
        return said.get("id"), _moment(said["venue_at"]), booking, said.get("reverses"), moved
    except _Bad:
        raise
    except ValueError:
        raise _Bad("it does not balance") from None


def _moved(said: Any, booking: Booking) -> dict[str, Any] | None:
    """What the line says of a move between accounts, as `Side.told` has it."""
    if said is None:
        return None
    held = [leg for leg in booking.legs if leg.account == HOLDING]
    shares = held[0].amount if len(held) == 1 else ZERO
    side = "out" if booking.kind == MOVED_OUT and shares < 0 else "in" if booking.kind == MOVED_IN else ""
    try:
        lots = [{"lot": one["lot"], "qty": plain(_amount(one["qty"]))} for one in said["lots"]]
        move, other, method = str(UUID(said["move"])), said["account"], said["method"]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _Bad(NO_MOVE) from None
    fits = not lots or sum((Decimal(one["qty"]) for one in lots), ZERO) == abs(shares)
    named = other is None or (isinstance(other, str) and len(other) <= MAX_NAME and not CONTROL.search(other))
    if said["side"] != side or not fits or not named or method not in (None, *METHODS) or len(lots) > MAX_PICKS:
        raise _Bad(NO_MOVE)
    if not all(isinstance(one["lot"], str) and LOT.fullmatch(one["lot"]) and Decimal(one["qty"]) > 0 for one in lots):
        raise _Bad(NO_MOVE)
    return {"move": move, "side": side, "account": other, "method": method, "lots": lots}


def _moment(text: Any) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise _Bad("its instant cannot be read") from None
    if at.tzinfo is None or at.year < FIRST_YEAR:
        raise _Bad("its instant has no zone or is of another age")
    return at.astimezone(UTC)


def _legs(postings: Sequence[Any]) -> tuple[Leg, ...]:
    legs = []
    for one in postings:
        if not isinstance(one, dict) or not all(
            isinstance(one.get(name), str) for name in ("account", "commodity", "amount")
        ):
            raise _Bad("one of its legs is not whole")
        if not ACCOUNT.fullmatch(one["account"]):
            raise _Bad("one of its legs is on an account that the books do not know")
        if not SYMBOL.fullmatch(one["commodity"]) and not CURRENCY.fullmatch(one["commodity"]):
            raise _Bad("one of its legs is of something that has no symbol")
        legs.append(Leg(one["account"], one["commodity"], _amount(one["amount"])))
    return tuple(legs)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text[:60])
    except InvalidOperation:
        raise _Bad("one of its amounts is no number") from None
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > MAX_DECIMALS or abs(amount) >= MOST:
        raise _Bad("one of its amounts is more exact or larger than the books keep")
    return amount
