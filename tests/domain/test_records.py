"""The records of the trading core cannot be changed once they are made."""

import dataclasses
import importlib

import pytest

MODULES = [
    "auctions",
    "bar_matching",
    "fees",
    "financing",
    "margin",
    "matching",
    "order_groups",
    "orders",
    "presets",
    "settlement",
    "takes",
    "triggers",
]


@pytest.mark.parametrize("name", MODULES)
def test_every_record_is_frozen(name: str) -> None:
    module = importlib.import_module(f"starkmatter.domain.{name}")
    records = [one for one in vars(module).values() if isinstance(one, type) and dataclasses.is_dataclass(one)]
    assert records
    for record in records:
        frozen = record.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert frozen or record.__name__ == "_State", record
