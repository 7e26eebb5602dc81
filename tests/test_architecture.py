"""The arrows between rooms, and the few rules every room keeps (see the design)."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from starkmatter.version import PACKAGE_DIR

LEVELS = [
    {"errors", "clock", "version", "cancellation"},
    {"domain", "settings"},
    {"db"},
    {"backends", "ops"},
    {"egress"},
    {"accounts", "market"},
    {"trading"},
    {"portfolio", "news", "alerts", "backtest"},
    {"assistant", "charts", "dashboards"},
    {"connections"},
    {"jobs"},
    {"api", "ui"},
    {"starkmatter"},
    {"cli", "access"},
    {"__main__"},
]
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
THE_CLOCK = "clock.py"
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")} | {
    ("time", name) for name in ("time", "time_ns", "monotonic", "monotonic_ns")
}

MODULES = sorted(path for path in PACKAGE_DIR.rglob("*.py") if path != PACKAGE_DIR / "__init__.py")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE_DIR).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE_DIR).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    """Each module is read for several tests."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """The full names of everything `path` imports, wherever in the file."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_its_place_in_the_design() -> None:
    assert {room_of(path) for path in MODULES} <= set(LEVEL_OF)


def test_imports_point_towards_the_foundation() -> None:
    wrong = []
    for path in MODULES:
        room = room_of(path)
        for name in imported(path):
            parts = name.split(".")
            if parts[0] != "starkmatter" or len(parts) == 1 or parts[1] == room:
                continue
            if LEVEL_OF[parts[1]] >= LEVEL_OF[room]:
                wrong.append(f"{name_of(path)} may not import {name}")
    assert wrong == []


def test_domain_needs_nothing_but_the_standard_library_numpy_and_for_indicators_ta_lib() -> None:
    known, wrong = set(sys.stdlib_module_names) | {"numpy", "starkmatter"}, []
    for path in MODULES:
        if room_of(path) == "domain":
            allowed = known | {"talib"} if path.parent.name == "indicators" else known
            wrong += [f"{name_of(path)}: {name}" for name in imported(path) if name.split(".")[0] not in allowed]
    assert wrong == []


def test_only_the_clock_reads_the_time() -> None:
    wrong = [
        f"{name_of(path)}:{node.lineno} reads the time"
        for path in MODULES
        if name_of(path) != THE_CLOCK
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if (node.value.id, node.attr) in CLOCKS
    ]
    assert wrong == []


def test_every_module_says_in_a_sentence_what_it_is_for() -> None:
    written = [path for path in MODULES if path.name != "__init__.py" or path.read_text(encoding="utf-8").strip()]
    assert [name_of(path) for path in written if not ast.get_docstring(parsed(path))] == []


@pytest.mark.parametrize("name", ["utils", "helpers", "manager", "common", "misc"])
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    assert not [name_of(path) for path in MODULES if path.stem == name]
