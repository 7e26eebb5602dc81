"""beancount's own checker over what the exporter writes. It runs as a program of its own: nothing here imports it."""

import subprocess
import sys
from pathlib import Path

import pytest

from starkmatter.portfolio.exporting import beancount_text
from tests.portfolio.journals import random_journals

# What `bean-check` does, for many files at the price of one start.
CHECK = """
import sys
from beancount import loader
count = 0
for path in sys.argv[1:]:
    entries, errors, _ = loader.load_file(path)
    count += sum(type(one).__name__ == "Transaction" for one in entries)
    for error in errors:
        print(path, error.source.get("lineno"), error.message)
print("transactions", count)
"""


def bean_check(paths: list[Path]) -> tuple[list[str], int]:
    """Every error in words, and how many transactions the files have."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *map(str, paths)], capture_output=True, text=True, check=True, timeout=3_000
    )
    *errors, last = done.stdout.splitlines()
    return errors, int(last.removeprefix("transactions "))


@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("count", [25, pytest.param(1_000, marks=pytest.mark.nightly)])
def test_bean_check_finds_nothing_in_random_histories(count: int, tmp_path: Path) -> None:
    """Histories of three accounts each: shorts, splits, dividends, delistings, fees, transfers, all that is booked."""
    paths, booked, kinds = [], 0, set()
    for seed in range(count):
        for journal in random_journals(seed):
            path = tmp_path / f"{seed}-{journal.account.id.int}.beancount"
            path.write_text(beancount_text(journal.account, journal.entries), encoding="utf-8")
            paths.append(path)
            booked += len(journal.entries)
            kinds |= {one.kind for one in journal.entries}
    assert kinds >= {"fill", "deposit", "withdrawal", "split", "dividend", "borrow_fee", "bust", "adjustment"}
    assert bean_check(paths) == ([], booked)


def test_bean_check_would_find_a_cent_that_is_missing(tmp_path: Path) -> None:
    [journal, *_] = random_journals(0)
    text = beancount_text(journal.account, journal.entries)
    [first] = [line for line in text.splitlines() if line.startswith("  Assets:Cash")][:1]
    amount = first.split()[1]
    path = tmp_path / "off.beancount"
    path.write_text(text.replace(first, first.replace(amount, f"{float(amount) + 0.01:.2f}"), 1), encoding="utf-8")
    errors, _ = bean_check([path])
    assert any("does not balance" in one for one in errors)
