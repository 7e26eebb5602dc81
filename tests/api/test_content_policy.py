"""What the policy lets run: our files, and the scripts the build wrote into its pages, each by its hash."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response

from starkmatter.api.content_policy import PagePolicies
from starkmatter.api.wall import Wall
from starkmatter.settings import load_settings
from tests.api.conftest import ORIGIN

PAGE = """<!doctype html><script>one()</script><script src="/a.js"></script><SCRIPT type="module">
two()</SCRIPT><script type=module async>three()</script>"""
ONE = "'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4='"  # by openssl


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "build" / "client" / "p" / "index.html"
    file.parent.mkdir(parents=True)
    file.write_text(PAGE, encoding="utf-8")
    monkeypatch.setenv("REFLEX_WEB_WORKDIR", str(tmp_path))
    return tmp_path


def sources_in(policy: str) -> list[str]:
    [scripts] = [part for part in policy.split("; ") if part.startswith("script-src ")]
    return scripts.split()[1:]


async def policy_of(answer: Response, path: str = "/p") -> list[str]:
    """The sources of scripts that an answer goes out with."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(scope, receive, send)

    transport = httpx.ASGITransport(Wall(app, load_settings({})))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        policy = (await http.get(path)).headers["content-security-policy"]
    assert "'unsafe-eval'" not in policy
    assert "frame-ancestors 'none'" in policy
    return sources_in(policy)


async def test_a_page_may_run_the_scripts_of_its_build_and_no_other(build: Path) -> None:
    sources = await policy_of(HTMLResponse(PAGE))
    assert sources[0] == "'self'"
    assert ONE in sources
    assert len(sources) == 4
    assert "'unsafe-inline'" not in sources


async def test_a_page_runs_no_script_of_another_page(build: Path) -> None:
    other = build / "build" / "client" / "q.html"
    other.write_text("<script>four()</script>", encoding="utf-8")
    (other.parent / "404.html").write_text("<script>five()</script>", encoding="utf-8")
    policies = PagePolicies(build)
    of_p, of_q, of_nothing = (sources_in(policies.of(path).decode()) for path in ("/p/", "/q", "/trade/AAPL"))
    assert [len(of_p), len(of_q), len(of_nothing)] == [4, 2, 2]
    assert set(of_p) & set(of_q) == set(of_p) & set(of_nothing) == set(of_q) & set(of_nothing) == {"'self'"}
    assert policies.of("/p") == policies.of("/p/index.html")


async def test_what_is_no_page_runs_no_script_of_its_own(build: Path) -> None:
    assert await policy_of(JSONResponse({"a": 1})) == ["'self'"]
    assert await policy_of(Response(PAGE, media_type="image/svg+xml")) == ["'self'"]


async def test_a_page_the_browser_has_kept_keeps_its_policy(build: Path) -> None:
    assert ONE in await policy_of(Response(status_code=304))


async def test_without_a_build_no_inline_script_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFLEX_WEB_WORKDIR", str(tmp_path))
    assert await policy_of(HTMLResponse(PAGE)) == ["'self'"]


@pytest.mark.parametrize("kind", ["text/javascript", "text/css", "font/woff2"])
async def test_parts_of_a_page_may_do_nothing_when_they_are_opened_by_themselves(build: Path, kind: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Response("x", media_type=kind)(scope, receive, send)

    transport = httpx.ASGITransport(Wall(app, load_settings({})))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        policy = (await http.get("/assets/x")).headers["content-security-policy"]
    assert policy == "default-src 'none'; frame-ancestors 'none'"
