"""What the documents say of the tests is true."""

import re
from collections import Counter
from pathlib import Path

from starkmatter.access import access_page
from starkmatter.version import ROOT_DIR

NO_TESTS = {"csv_text"}
# OWASP ASVS 5.0: how many lines of levels 1 and 2 each chapter has.
COUNTS = (27, 11, 19, 10, 9, 35, 18, 7, 7, 29, 14, 9, 13, 9, 13, 16, 7)
NAMED = re.compile(r"`([a-z]\w+)`")


def test_every_test_that_the_tables_of_threats_and_lines_name_exists() -> None:
    threats = _read("security.md").split("## Open")[0].split("## Sign-in")[0]
    lines = [line for line in (threats + _read("asvs.md")).splitlines() if line.startswith("|")]
    named = {name for line in lines for name in NAMED.findall(line) if "_" in name and name not in NO_TESTS}
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    written = set(re.findall(r"def test_(\w+)\(", sources))
    assert len(named) > 30
    assert named - written == set()


def test_every_line_of_the_standard_has_its_state_and_few_are_open() -> None:
    rows = [line.strip("| ").split(" | ") for line in _read("asvs.md").splitlines() if re.match(r"\| \d", line)]
    assert len(rows) == 253
    assert len({line for line, *_ in rows}) == 253
    assert Counter(int(line.split(".")[0]) for line, *_ in rows) == dict(enumerate(COUNTS, start=1))
    assert Counter(level for _, level, *_ in rows) == {"1": 70, "2": 183}
    assert {state for _, _, state, _ in rows} == {"met", "n/a", "open"}
    assert all(how for *_, how in rows)
    assert [line for line, level, state, _ in rows if (level, state) == ("1", "open")] == []
    assert len([line for line, _, state, _ in rows if state == "open"]) <= 5


def test_the_page_of_who_may_call_what_is_the_one_that_the_rules_write() -> None:
    assert _read("access.md") == access_page()


def _read(name: str) -> str:
    return (ROOT_DIR / "docs" / name).read_text(encoding="utf-8")
