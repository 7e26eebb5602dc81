"""What a file and its hash say of one side of a move of shares; by literal cases."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from starkmatter.portfolio.exporting import ledger_hash
from starkmatter.portfolio.records import LedgerEntryView
from starkmatter.portfolio.transfers.telling import Side, lot_here, picked_of

D = Decimal
MARK = UUID(int=7)
SIDE = Side(40, "out", MARK, "Savings", None, ["12", "13~2", "split"], [D("4.0"), D("0.5"), D(1)])


def test_a_line_of_the_file_names_the_lots_by_the_entries_of_their_purchase() -> None:
    assert SIDE.told() == {
        "move": str(MARK),
        "side": "out",
        "account": "Savings",
        "method": None,
        "lots": [{"lot": "12", "qty": "4"}, {"lot": "13~2", "qty": "0.5"}, {"lot": "split", "qty": "1"}],
    }


def test_the_hash_has_the_place_of_a_purchase_in_the_ledger_and_not_its_number_or_the_other_accounts_name() -> None:
    said = [str(MARK), "out", None, [[0, "", "4"], [3, "2", "0.5"], [None, "", "1"]]]
    assert SIDE.said({12: 0, 13: 3}) == said
    assert replace(SIDE, entry_id=90, other=None, lots=["20", "31~2", "split"]).said({20: 0, 31: 3}) == said
    assert SIDE.said({}) == [str(MARK), "out", None, [[None, "", "4"], [None, "2", "0.5"], [None, "", "1"]]]


@pytest.mark.parametrize(
    "other",
    [
        replace(SIDE, mark=UUID(int=8)),
        replace(SIDE, side="in"),
        replace(SIDE, method="lifo"),
        replace(SIDE, lots=["12", "13~3", "split"]),
        replace(SIDE, lots=["12", "12~2", "split"]),
        replace(SIDE, qtys=[D(3), D("1.5"), D(1)]),
    ],
)
def test_another_move_of_the_same_shares_is_another_ledger(other: Side) -> None:
    at = datetime(2024, 2, 29, 17, tzinfo=UTC)
    entries = [LedgerEntryView(number, at, at, "transfer_out", "Moved", None, []) for number in (12, 13, 40)]
    assert ledger_hash(entries, {40: other}) != ledger_hash(entries, {40: SIDE}) != ledger_hash(entries)
    assert ledger_hash(entries, {40: replace(SIDE, other="Elsewhere")}) == ledger_hash(entries, {40: SIDE})


def test_lots_without_a_quantity_each_are_not_told() -> None:
    torn = replace(SIDE, qtys=[D(4)])
    with pytest.raises(ValueError, match="shorter"):
        torn.told()
    with pytest.raises(ValueError, match="shorter"):
        torn.said({})


def test_a_lot_of_a_file_is_called_by_the_number_that_its_purchase_has_here() -> None:
    ids = {12: 112, 13: 113}
    assert [lot_here(lot, ids) for lot in ("12", "13~2", "14", "14~1")] == ["112", "113~2", "14", "14~1"]
    moved = {"lots": [{"lot": "13~2", "qty": "2.50"}, {"lot": "14", "qty": "1"}]}
    assert picked_of(moved, ids) == (["113~2", "14"], [D("2.5"), D(1)])
    assert picked_of({"lots": []}, ids) == ([], [])
