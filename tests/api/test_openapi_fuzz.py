"""Every route against requests made from its own description: no server error, and what does not fit is refused.

The requests come from Schemathesis: half of them fit the description, half break it in one place. The account that
exists is put in where a path or a body names one, so that they reach the services behind.
"""

import warnings
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from starkmatter.api.app import Front, build_api
from starkmatter.backends import Backends, set_backends
from starkmatter.settings import load_settings
from tests.api.conftest import ORIGIN, Api
from tests.api.described import described
from tests.builders import Desk
from tests.standins.all import vendor_urls

MODES = ("fits", "breaks")
NOTHING = object()
# What answers a person's browser with a page.
PAGES = {"GET /api/v1/auth/oidc/{provider}/start", "GET /api/v1/auth/oidc/{provider}/callback"}
LIMITS = {f"STARKMATTER_{name}_PER_MIN": 1_000_000 for name in ("REQUESTS", "READS", "WRITES")}
REFUSED = {404, 409, 422}
INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE app_user; --",
    "1) UNION SELECT passphrase_hash FROM app_user --",
    "$$; SELECT pg_sleep(9); $$",
    "%s %(name)s {0} {name}",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "$(id) `id` | id ; id",
    "../../../../etc/passwd",
    "\\'; COPY app_user TO PROGRAM 'id'; --",
)


@dataclass(frozen=True)
class Asked:
    """One request; `body` is NOTHING, bytes, or what becomes JSON."""

    label: str
    method: str
    path: str
    ids: dict[str, Any]
    query: dict[str, Any]
    body: Any

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Where it carries a text: in its query or at the top of its body."""
        found = [("query", name) for name, value in self.query.items() if isinstance(value, str)]
        if isinstance(self.body, dict):
            found += [("body", name) for name, value in self.body.items() if isinstance(value, str)]
        return found

    def with_text(self, place: str, name: str, text: str) -> "Asked":
        return replace(self, **{place: {**getattr(self, place), name: text}})


@cache
def schema() -> Any:
    """The server's own description, read when a test asks for it: loading it takes a second in every process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, of libraries it supports
        import schemathesis
    return schemathesis.openapi.from_dict(deepcopy(described()))


@cache
def operations() -> dict[str, Any]:
    """Every route by its name."""
    return {one.ok().label: one.ok() for one in schema().get_all_operations()}


@pytest.fixture
def front(desk: Desk, tmp_path: Path) -> httpx.ASGITransport:
    """The server without limits on how often, for somebody whose vendors do not answer."""
    told = {**LIMITS, "STARKMATTER_VENDOR_URLS": vendor_urls(), "STARKMATTER_HOME": str(tmp_path)}
    b = Backends(load_settings(told), desk.b.db, desk.b.cache)
    set_backends(b)
    desk.b = b
    return httpx.ASGITransport(Front(build_api(), b.settings), raise_app_exceptions=False)


async def somebody(desk: Desk, front: httpx.ASGITransport) -> Api:
    """The owner in a new session that has just proven who it is: the last request may have ended the one before."""
    http = httpx.AsyncClient(transport=front, base_url=ORIGIN, headers={"origin": ORIGIN})
    return await Api(http, desk).as_person(desk)


def requests_for(label: str, mode: str, enough: int) -> list[Asked]:
    """So many requests for a route; none where nothing can be broken."""
    from schemathesis.core import NOT_SET
    from schemathesis.generation import GenerationMode

    found: list[Asked] = []
    modes = {"fits": GenerationMode.POSITIVE, "breaks": GenerationMode.NEGATIVE}

    @settings(
        max_examples=enough,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operations()[label].as_strategy(generation_mode=modes[mode]))
    def collect(case: Any) -> None:
        body = NOTHING if case.body is NOT_SET else case.body
        found.append(Asked(label, case.method, case.path, dict(case.path_parameters), dict(case.query), body))

    try:
        collect()
    except Unsatisfiable:
        return []
    return found


async def answer(api: Api, asked: Asked) -> httpx.Response:
    """Send it, with the account that exists."""
    ours = str(api.desk.account_id)
    ids = {name: ours if name == "account_id" else value for name, value in asked.ids.items()}
    path = asked.path.format(**{name: quote(str(value), safe="") for name, value in ids.items()})
    options: dict[str, Any] = {}
    if isinstance(asked.body, bytes):
        options = {"content": asked.body, "headers": {"content-type": "application/json"}}
    elif asked.body is not NOTHING:
        named = isinstance(asked.body, dict) and isinstance(asked.body.get("account_id"), str)
        options = {"json": {**asked.body, "account_id": ours} if named else asked.body}
    return await api.http.request(asked.method, path, params=asked.query, **options)


def wrong(asked: Asked, got: httpx.Response) -> Iterator[str]:
    """What is not as it must be: a server error, or a refusal that is no problem in words."""
    problem = got.headers.get("content-type", "").startswith("application/problem+json")
    busy = got.status_code == 503 and "retry-after" in got.headers
    if (got.status_code >= 500 and not busy) or (got.is_error and not problem and asked.label not in PAGES):
        yield f"{got.status_code} for {asked}: {got.text[:200]}"


@pytest.mark.parametrize("enough", [2, pytest.param(60, marks=pytest.mark.nightly)])
@pytest.mark.timeout(3000)
async def test_no_request_is_a_server_error_and_every_refusal_is_a_problem(
    desk: Desk, front: httpx.ASGITransport, enough: int
) -> None:
    found: list[str] = []
    seen: Counter[int] = Counter()
    for label in operations():
        api = await somebody(desk, front)
        for mode in MODES:
            for asked in requests_for(label, mode, enough):
                got = await answer(api, asked)
                if got.status_code == 401:
                    api = await somebody(desk, front)
                seen[got.status_code] += 1
                found += wrong(asked, got)
    assert found == []
    assert seen[200] > len(operations()) * 0.3, seen
    assert seen[422] > len(operations()) * 0.5, seen


def test_no_two_forms_share_a_name() -> None:
    """Else both are called by the module they are in, for programs that are generated from the description."""
    assert [name for name in schema().raw_schema["components"]["schemas"] if "__" in name] == []


def test_no_body_may_have_a_field_that_is_not_described() -> None:
    schemas = schema().raw_schema["components"]["schemas"]
    open_ended = []
    for path, methods in schema().raw_schema["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            name = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
            if content and schemas.get(name, {}).get("additionalProperties") is not False:
                open_ended.append(f"{method} {path}: {name or content}")
    assert open_ended == []


async def test_a_text_that_would_be_code_elsewhere_is_a_text_like_any_other(
    desk: Desk, front: httpx.ASGITransport
) -> None:
    """Wherever a text goes: it is refused, or the answer is of the same kind as for a harmless one of its length."""
    different, sent = [], 0
    api = await somebody(desk, front)
    for label in operations():
        if "/auth/" in label:
            continue  # their texts are addresses, passphrases and codes, each with tests of its own
        for asked in requests_for(label, "fits", 1):
            for place, name in asked.texts:
                for text in INJECTIONS:
                    plain = (await answer(api, asked.with_text(place, name, "x" * len(text)))).status_code
                    got = await answer(api, asked.with_text(place, name, text))
                    sent += 1
                    taken = got.is_success and plain == 409  # the harmless one of this length was there before
                    if got.status_code not in {plain, *REFUSED} and not taken:
                        different.append(f"{label} {name}={text!r}: {got.status_code}, else {plain}: {got.text[:120]}")
    assert different == []
    assert sent > 200
