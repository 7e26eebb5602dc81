"""An account's whole journal for other programs: as a beancount file that balances, and as one JSON object a line.

The beancount file says what the ledger says, account by account: shares come from and go to `Equity:Trading`, which
takes the other side in money too. It ends with the balances, so that `bean-check` proves them.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

import orjson

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.money import plain
from starkmatter.domain.sessions import exchange_day
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.ledger import MAX_LIMIT, list_entries
from starkmatter.portfolio.records import AccountView, LedgerEntryView
from starkmatter.portfolio.transfers.telling import Side

ROOTS = frozenset({"Assets", "Liabilities", "Equity", "Income", "Expenses"})
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9-]+")
COMMODITY = re.compile(r"[A-Z][A-Z0-9'._-]{0,22}[A-Z0-9]")
NO_SIDES: Mapping[int, Side] = MappingProxyType({})
NOT_IN_A_COMMODITY = re.compile(r"[^A-Z0-9'._-]")


async def whole_journal(b: Backends, caller: Caller, account_id: UUID) -> tuple[AccountView, list[LedgerEntryView]]:
    """The account and every entry, oldest first; NotFound when the caller does not see it."""
    account = await get_account(b, caller, account_id)
    found: list[LedgerEntryView] = []
    before: int | None = None
    while True:
        page = await list_entries(b, caller, account_id, MAX_LIMIT, before)
        found += page
        if len(page) < MAX_LIMIT:
            return account, found[::-1]
        before = page[-1].id


def beancount_text(account: AccountView, entries: Sequence[LedgerEntryView]) -> str:
    """The journal as a beancount file; days are the exchange's."""
    head = [
        f"; The ledger of {_quoted(account.name)}, one transaction an entry, up to {entries[-1].id if entries else 0}.",
        f'option "title" {_quoted(account.name)}',
        f'option "operating_currency" {_quoted(account.currency)}',
        "",
    ]
    if not entries:
        return "\n".join(head)
    days = [exchange_day(one.venue_at) for one in entries]
    first, after = min(days), max(days) + timedelta(days=1)
    balances: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    lines = []
    for one, on in zip(entries, days, strict=True):
        lines += [f"{on} * {_quoted(one.kind)} {_quoted(one.description)}", f"  entry: {one.id}"]
        for leg in one.postings:
            name, unit = account_name(leg.account), commodity_name(leg.commodity)
            balances[name, unit] += leg.amount
            lines.append(f"  {name}  {plain(leg.amount)} {unit}")
        lines.append("")
    opened = [f"{first} open {name}" for name in sorted({name for name, _ in balances})]
    closing = [f"{after} balance {name}  {plain(sums)} {unit}" for (name, unit), sums in sorted(balances.items())]
    return "\n".join([*head, *opened, "", *lines, *closing, ""])


def json_lines(entries: Iterable[LedgerEntryView], sides: Mapping[int, Side] = NO_SIDES) -> Iterable[bytes]:
    """Each entry as an object of its own; amounts are strings, instants ISO 8601 in UTC.

    One side of a move of shares between accounts says in `moved` which move that is.
    """
    for one in entries:
        side = sides.get(one.id)
        yield orjson.dumps(
            ({} if side is None else {"moved": side.told()})
            | {
                "id": one.id,
                "booked_at": one.booked_at,
                "venue_at": one.venue_at,
                "kind": one.kind,
                "description": one.description,
                "order_id": one.order_id,
                "reverses": one.reverses,
                "postings": [
                    {"account": leg.account, "commodity": leg.commodity, "amount": plain(leg.amount)}
                    for leg in one.postings
                ],
            },
            option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE,
        )


def ledger_hash(entries: Sequence[LedgerEntryView], sides: Mapping[int, Side] = NO_SIDES) -> str:
    """SHA-256 of what the ledger says: kinds, words, instants, legs, which entry takes which one back and which is
    which side of which move of shares, in order.

    Neither ids nor the moment of booking are in it: the same ledger that was exported and imported has the same hash.
    """
    places = {one.id: place for place, one in enumerate(entries)}
    summed = hashlib.sha256()
    for one in entries:
        legs = [[leg.account, leg.commodity, plain(leg.amount)] for leg in one.postings]
        reverses = None if one.reverses is None else places.get(one.reverses)
        side = sides.get(one.id)
        moved = [] if side is None else [side.said(places)]
        said = [one.kind, one.description, one.venue_at, legs, reverses, *moved]
        summed.update(orjson.dumps(said, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))
    return summed.hexdigest()


def account_name(name: str) -> str:
    """`equity:trading` as `Equity:Trading`; `memo:opening cost`, a root beancount does not know, goes under Equity."""
    parts = [NOT_IN_A_NAME.sub("-", part).strip("-") or "Other" for part in name.split(":")]
    named = ":".join(part[0].upper() + part[1:] for part in parts)
    return named if named.split(":")[0] in ROOTS else f"Equity:{named}"


def commodity_name(symbol: str) -> str:
    """The symbol where beancount takes it; one letter becomes `F.US`, a sign that it does not take a minus."""
    if COMMODITY.fullmatch(symbol):
        return symbol
    known = NOT_IN_A_COMMODITY.sub("-", symbol.upper()).strip("-'._")
    return f"{known if known[:1].isalpha() else 'X' + known}.US"[:24]


def _quoted(text: str) -> str:
    """A string of beancount: no line ends, quotes and backslashes escaped."""
    flat = " ".join(text.split())
    return '"' + flat.replace("\\", "\\\\").replace('"', '\\"') + '"'
