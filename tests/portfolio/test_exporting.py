"""The journal for other programs: a beancount file that is well formed and balances, and lines of JSON.

What beancount's `bean-check` proves is proven here by a reader of the few forms the file has, and to the last digit
where the real one is content with what it would display; `test_bean_check` runs that one.
"""

import json
import re
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_type_hints
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starkmatter.domain.ledger import Booking, book_activity, book_adjustment, book_deposit, book_fill
from starkmatter.portfolio.exporting import account_name, beancount_text, commodity_name, json_lines
from starkmatter.portfolio.records import AccountView, LedgerEntryView, PostingView

FIRST = datetime(2024, 1, 2, 16, tzinfo=UTC)
NAME = r"(?:Assets|Equity|Income|Expenses|Liabilities)(?::[A-Z0-9][A-Za-z0-9-]*)+"
UNIT = r"[A-Z][A-Z0-9'._-]{0,22}[A-Z0-9]"
NUMBER = r"-?\d+(?:\.\d+)?"
TEXT = r'"(?:[^"\\]|\\["\\])*"'
FORMS = {
    "comment": re.compile(r";.*|"),
    "option": re.compile(rf'option "[a-z_]+" {TEXT}'),
    "open": re.compile(rf"(\d{{4}}-\d\d-\d\d) open ({NAME})"),
    "transaction": re.compile(rf"(\d{{4}}-\d\d-\d\d) \* {TEXT} {TEXT}"),
    "meta": re.compile(r"  entry: \d+"),
    "posting": re.compile(rf"  ({NAME})  ({NUMBER}) ({UNIT})"),
    "balance": re.compile(rf"(\d{{4}}-\d\d-\d\d) balance ({NAME})  ({NUMBER}) ({UNIT})"),
}


def account(name: str = "Practice") -> AccountView:
    fields: dict = dict.fromkeys(get_type_hints(AccountView))
    return AccountView(**fields | {"id": UUID(int=1), "name": name, "currency": "USD"})


def check(text: str) -> int:
    """What bean-check looks for: forms, opened accounts, transactions and balances that sum up; how many of these."""
    opened: dict[str, date] = {}
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    inside: dict[str, Decimal] = defaultdict(Decimal)
    on, transactions, balances = date.min, 0, 0
    for line in text.split("\n"):
        form, found = next(
            (name, match) for name, pattern in FORMS.items() if (match := pattern.fullmatch(line)) is not None
        )
        if form in ("transaction", "balance"):
            assert all(total == 0 for total in inside.values()), line
            inside.clear()
            on = date.fromisoformat(found[1])
            transactions += form == "transaction"
        if form == "open":
            opened[found[2]] = date.fromisoformat(found[1])
        elif form == "posting":
            assert opened[found[1]] <= on
            sums[found[1], found[3]] += Decimal(found[2])
            inside[found[3]] += Decimal(found[2])
        elif form == "balance":
            assert sums[found[2], found[4]] == Decimal(found[3])
            balances += 1
    assert balances == len(sums)
    return transactions


@st.composite
def journals(draw: st.DrawFn) -> list[LedgerEntryView]:
    found = []
    at = FIRST
    for number in range(1, draw(st.integers(1, 12)) + 1):
        at += timedelta(hours=draw(st.integers(0, 900)))
        symbol = draw(st.sampled_from(["AAPL", "F", "BRK.B", "T"]))
        money = draw(st.decimals("0.01", "99999", places=2))
        booking: Booking = draw(
            st.sampled_from(
                [
                    book_fill("buy", symbol, Decimal("1.234"), money, Decimal("0.05"), "USD"),
                    book_fill("sell", symbol, money, Decimal("3.1234"), Decimal("0"), "USD"),
                    book_deposit(money, "USD"),
                    book_activity("dividend", draw(st.text(max_size=30)), money, "USD"),
                    book_adjustment('follows "the\\broker"\n', symbol, -money, is_cash=False),
                ]
            )
        )
        legs = [PostingView(leg.account, leg.commodity, leg.amount) for leg in booking.legs]
        found.append(LedgerEntryView(number, at, at, booking.kind, booking.description, None, legs))
    return found


@settings(max_examples=200)
@given(entries=journals(), name=st.text(max_size=20))
def test_every_journal_is_a_file_of_known_forms_that_balances(entries: list[LedgerEntryView], name: str) -> None:
    assert check(beancount_text(account(name), entries)) == len(entries)


@given(entries=journals())
def test_lines_of_json_say_the_same_entries(entries: list[LedgerEntryView]) -> None:
    lines = b"".join(json_lines(entries)).decode().split("\n")[:-1]
    told = [json.loads(line) for line in lines]
    assert [one["id"] for one in told] == [one.id for one in entries]
    assert told[0]["venue_at"].endswith("Z")
    for one, entry in zip(told, entries, strict=True):
        legs = [(leg["account"], leg["commodity"], Decimal(leg["amount"])) for leg in one["postings"]]
        assert legs == [(leg.account, leg.commodity, leg.amount) for leg in entry.postings]


def test_an_empty_journal_is_a_file_too() -> None:
    assert check(beancount_text(account(), [])) == 0


@pytest.mark.parametrize(
    ("symbol", "name"), [("AAPL", "AAPL"), ("BRK.B", "BRK.B"), ("F", "F.US"), ("^GSPC", "GSPC.US"), ("1A", "X1A.US")]
)
def test_a_symbol_becomes_a_commodity_that_beancount_takes(symbol: str, name: str) -> None:
    assert commodity_name(symbol) == name
    assert re.fullmatch(UNIT, name)


def test_an_account_of_the_ledger_becomes_one_of_beancount() -> None:
    assert account_name("equity:trading") == "Equity:Trading"
    assert account_name("expenses:borrow_fees") == "Expenses:Borrow-fees"
    assert account_name("income:") == "Income:Other"
    assert account_name("memo:opening cost") == "Equity:Memo:Opening-cost"
