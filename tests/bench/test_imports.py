"""Every bench can be run: what it takes from the product is still there."""

import importlib
import pkgutil

import pytest

import bench


@pytest.mark.parametrize("name", [info.name for info in pkgutil.iter_modules(bench.__path__) if info.name[0] != "_"])
def test_a_bench_finds_what_it_measures(name: str) -> None:
    assert importlib.import_module(f"bench.{name}")
