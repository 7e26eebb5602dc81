"""How the web process is loaded: without looks for garbage while everything comes, with them ever after."""

import gc
from types import ModuleType

import pytest

from starkmatter.ops import web


def test_no_look_for_garbage_interrupts_loading_and_later_ones_go_past_what_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[bool] = []

    def load(name: str) -> ModuleType:
        looks.append(gc.isenabled())
        return ModuleType(name)

    monkeypatch.setattr(web, "import_module", load)
    gc.unfreeze()
    assert web.composition_root().__name__ == "starkmatter.starkmatter"
    assert looks == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000


def test_a_web_process_that_cannot_be_loaded_still_looks_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> ModuleType:
        raise ImportError(name)

    monkeypatch.setattr(web, "import_module", load)
    with pytest.raises(ImportError):
        web.composition_root()
    assert gc.isenabled()
