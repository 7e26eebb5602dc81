"""Runs every bench of this folder and prints one table: `python -m bench [name ...]`."""

# ruff: noqa: T201 - a bench prints
import importlib
import math
import pkgutil
import sys
import traceback
from collections.abc import Callable

import bench
from bench.table import Row, format_rows


def main(names: list[str]) -> int:
    rows: list[Row] = []
    for module in sorted(info.name for info in pkgutil.iter_modules(bench.__path__)):
        if module.startswith("__") or (names and module not in names):
            continue
        run = getattr(importlib.import_module(f"bench.{module}"), "run", None)
        if run is not None:
            print(f"running {module} ...", file=sys.stderr, flush=True)
            rows += _rows_of(module, run)
    print(format_rows(rows))
    return 0 if all(row.passed for row in rows) else 1


def _rows_of(module: str, run: Callable[[], list[Row]]) -> list[Row]:
    """What it measured; one that fails costs its own rows and no others."""
    try:
        return run()
    except Exception:  # noqa: BLE001 - whatever it is, the table says that it was not measured
        traceback.print_exc()
        return [Row(f"{module}: not measured, it failed", "", "", math.inf, 1.0)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
