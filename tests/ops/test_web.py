"""How the web process is loaded: without looks for garbage while everything comes, with them ever after."""

import gc
import subprocess
import sys
from types import ModuleType

import pytest

from starkmatter.ops import web
from starkmatter.ops.without import without
from starkmatter.version import ROOT_DIR

# Tables and figures are the worker's; vendors, mail and pretty terminals are loaded by what uses them.
NOT_IN_WEB = (
    "aiosmtplib alpaca anthropic attr ib_async narwhals numba numpy pandas plotly pyarrow pygments requests schwab "
    "scipy segno skfolio sqlalchemy stamina talib tenacity urllib3 valkey yfinance zxcvbn"
)


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


def test_the_web_process_begins_without_what_it_does_not_use_or_seldom_uses() -> None:
    code = (
        "import sys\n"
        "from starkmatter.cli import _settings\n"
        "from starkmatter.ops.web import composition_root\n"
        "_settings('web'), composition_root().app\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(loaded & set(sys.argv[1].split())))\n"
        "import requests, valkey, pygments, attr"
    )
    argv = [sys.executable, "-c", code, NOT_IN_WEB]
    done = subprocess.run(argv, check=True, cwd=ROOT_DIR, timeout=120, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_what_is_kept_out_can_be_had_afterwards_and_what_was_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("nobodys_package", "json", "colorsys"):
        import json

        with pytest.raises(ImportError):
            import colorsys
    import colorsys

    assert json.dumps(1) == "1"
    assert colorsys.rgb_to_hls(0, 0, 0) == (0.0, 0.0, 0.0)
    assert "nobodys_package" not in sys.modules
