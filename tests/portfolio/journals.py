"""Random journals of several accounts from a seed: trades, shorts, fees, corporate actions, transfers."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import get_type_hints
from uuid import UUID

from starkmatter.domain.corporate.positions import Holder
from starkmatter.domain.ledger import (
    Booking,
    book_activity,
    book_adjustment,
    book_borrowed_money,
    book_borrowed_shares,
    book_brought_in,
    book_deposit,
    book_fill,
    book_opening,
    book_taken_back,
)
from starkmatter.domain.lots import LotTrade
from starkmatter.portfolio.records import AccountView, LedgerEntryView, PostingView
from tests.domain.corporate_text import day, tell, told

D = Decimal
DAYS = 700
SYMBOLS = ("AAPL", "BRK.B", "F", "T")
NAMES = ('Practice "one"', "Backslash \\ and ; more", "Überschuß", "")
HOLDERS = (
    Holder("1", "USD", may_short=True),
    Holder("2", "USD", keeps_parts=True, may_short=True, withheld_pct=D(15)),
    Holder("3", "USD", may_short=True, withheld_pct=D(30)),
)
ACTIONS = (
    "split 2:1", "split 3:2 lieu 40.01", "split 1:6 lieu 12.505", "split 7:3 lieu 99", "stock 0.05 lieu 10",
    "dividend 0.24", "dividend 0.333333", "symbol NEW", "delisted 3.105", "delisted", "spin KID 1:3 18.5 lieu 2.5",
)  # fmt: skip


@dataclass(frozen=True)
class Journal:
    """One account and all of its entries."""

    account: AccountView
    entries: Sequence[LedgerEntryView]


def random_journals(seed: int) -> list[Journal]:
    """The journals of three accounts of one person over two years; the same for the same seed."""
    chance = random.Random(seed)
    booked: dict[str, list[tuple[int, int, Booking]]] = defaultdict(list)
    trades: list[LotTrade] = []
    for holder in HOLDERS:
        booked[holder.account].append((0, 0, book_deposit(_cents(chance, 50_000_000), "USD")))
        if chance.random() < 0.4:
            worth, cost = _cents(chance, 900_000), _cents(chance, 900_000)
            sign = chance.choice([1, -1])
            booked[holder.account].append(
                (0, 0, book_opening("KO", sign * _shares(chance), sign * worth, sign * cost, "USD"))
            )
    for number in range(chance.randint(5, 40)):
        on, account = chance.randrange(1, DAYS), chance.choice(HOLDERS).account
        booking = _fill(chance)
        booked[account].append((on, 2, booking))
        [(symbol, qty)] = [(leg.commodity, leg.amount) for leg in booking.legs if leg.account == "assets:holding"]
        trades.append(LotTrade(f"t{number}", account, symbol, day(on), qty, booking.cash))
    actions = [
        told(f"{chance.choice(SYMBOLS)} {chance.choice(ACTIONS)}", chance.randrange(1, DAYS), id_=f"a{number}")
        for number in range(chance.randint(1, 5))
    ]
    ex_on = {one.action_id: (one.ex_on - day(0)).days for one in actions}
    for effect in tell(HOLDERS, {}, [*actions, *trades]).effects:
        booked[effect.key.account] += [(ex_on[effect.key.action_id], 1, booking) for booking in effect.bookings]
    for _ in range(chance.randint(0, 6)):
        _transfer(chance, booked)
    for _ in range(chance.randint(0, 12)):
        booked[chance.choice(HOLDERS).account].append((chance.randrange(1, DAYS), 3, _other(chance)))
    return [
        Journal(_account(number, chance.choice(NAMES)), _entries(booked[holder.account], chance))
        for number, holder in enumerate(HOLDERS, 1)
    ]


def _fill(chance: random.Random) -> Booking:
    side = chance.choice(["buy", "buy", "sell"])
    price = D(chance.randint(1, 4_000_000)) / 10_000
    fees = D(chance.randint(0, 900)) / 100 * chance.choice([0, 1])
    before = D(chance.choice([0, 0, 33_333_333])) / 1_000_000
    return book_fill(side, chance.choice(SYMBOLS), _shares(chance), price, fees, "USD", before_value=before)


def _transfer(chance: random.Random, booked: dict[str, list[tuple[int, int, Booking]]]) -> None:
    """Money or shares from one account to another on one day."""
    giver, taker = chance.sample([one.account for one in HOLDERS], 2)
    on, worth = chance.randrange(1, DAYS), _cents(chance, 900_000)
    if chance.random() < 0.5:
        pair = book_deposit(-worth, "USD"), book_deposit(worth, "USD")
    else:
        qty = _shares(chance)
        pair = book_brought_in("XOM", -qty, -worth, "USD"), book_brought_in("XOM", qty, worth, "USD")
    booked[giver].append((on, 3, pair[0]))
    booked[taker].append((on, 3, pair[1]))


def _other(chance: random.Random) -> Booking:
    money = _cents(chance, 50_000)
    qty = _shares(chance)
    return chance.choice(
        [
            book_activity("dividend", 'Dividend of "A\\B"\nand more', money, "USD"),
            book_activity("interest", "Interest", money, "USD"),
            book_activity("fee", "Custody", -money, "USD"),
            book_activity("withdrawal", "Wire out", -money, "USD"),
            book_borrowed_shares("F", qty, 3, money, "USD"),
            book_borrowed_money(money * 100, 1, money, "USD"),
            book_adjustment("The broker holds more", "T", qty, is_cash=False),
            book_adjustment("The broker holds less", "USD", -money, is_cash=True),
            book_taken_back("AAPL", -qty, D("-10.123456"), D("10.12"), "USD", "Busted"),
        ]
    )


def _entries(booked: list[tuple[int, int, Booking]], chance: random.Random) -> list[LedgerEntryView]:
    found = []
    start = datetime.combine(day(0), time(14, 30), UTC)
    for number, (on, turn, booking) in enumerate(sorted(booked, key=lambda one: one[:2]), 1):
        at = start + timedelta(days=on, hours=turn, seconds=chance.randrange(3_000))
        legs = [PostingView(leg.account, leg.commodity, leg.amount) for leg in booking.legs]
        found.append(LedgerEntryView(number, at, at, booking.kind, booking.description, None, legs))
    return found


def _account(number: int, name: str) -> AccountView:
    fields: dict = dict.fromkeys(get_type_hints(AccountView))
    return AccountView(**fields | {"id": UUID(int=number), "name": name, "currency": "USD"})


def _cents(chance: random.Random, most: int) -> Decimal:
    return D(chance.randint(1, most)) / 100


def _shares(chance: random.Random) -> Decimal:
    return (D(chance.randint(1, 900)) / chance.choice([1, 1, 1, 7, 1_000])).quantize(D("1E-9"))
