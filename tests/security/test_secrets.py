"""No secret leaves the server: not in the bundle, a page, a frame, the API's description, a metric or the log."""

import asyncio
import re
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from reflex_base.registry import RegistrationContext

import starkmatter.starkmatter  # noqa: F401 - registers every page and state
from starkmatter.api.matrix import RULES
from starkmatter.connections.catalog import CATALOG
from starkmatter.ops.frontend import built_frontend
from starkmatter.settings import load_settings
from tests.security.conftest import CANARY, PASSPHRASE, Estate
from tests.security.planted import Planted, found_in, plant, tables_as_text, whole_cache
from tests.security.product import METRICS_TOKEN, Person, Product
from tests.security.wire import wire

pytestmark = pytest.mark.process

PAGES = (
    "/",
    "/login",
    "/setup",
    "/welcome",
    "/trade/AAPL",
    "/portfolio",
    "/portfolio/performance",
    "/portfolio/allocation",
    "/portfolio/optimize",
    "/portfolio/lots",
    "/portfolio/gains",
    "/portfolio/income",
    "/portfolio/reports",
    "/portfolio/actions",
    "/portfolio/import",
    "/orders",
    "/baskets",
    "/assistant",
    "/settings",
    "/nowhere",
)
AT_THE_ROOT = ("/healthz", "/readyz", "/metrics", "/.well-known/jwks.json", "/api/docs", "/api/v1/openapi.json")
HEALTH = ("/healthz", "/readyz", "/metrics", "/_health")
STATES = "reflex___state____state.starkmatter___ui___state___"


def server_secrets(product: Product, estate: Estate) -> dict[str, str]:
    """What only the server, or one browser's cookie, may hold."""
    found = {
        "metrics token": METRICS_TOKEN,
        "passphrase": PASSPHRASE,
        "session token": estate.owner.token,
        "database password": urlsplit(product.database_url).password or "",
        "cache password": urlsplit(product.redis_url).password or "",
    }
    folder = product.instance.home / "secrets"
    found |= {path.name: path.read_text().strip() for path in folder.iterdir()} if folder.is_dir() else {}
    with product.database() as connection:
        row = connection.execute("SELECT passphrase_hash FROM app_user WHERE id = %s", (estate.owner.id,)).fetchone()
    assert row is not None
    found["passphrase hash"] = row[0]
    return {name: value for name, value in found.items() if value}


def leaks(text: str, secrets: dict[str, str]) -> list[str]:
    return [name for name, secret in secrets.items() if secret in text]


def test_there_are_secrets_to_look_for(product: Product, estate: Estate) -> None:
    assert {"metrics token", "passphrase", "session token", "passphrase hash"} <= set(server_secrets(product, estate))


def test_the_built_front_end_holds_no_secret_and_no_address_of_this_machine(product: Product, estate: Estate) -> None:
    web = built_frontend(load_settings({"STARKMATTER_HOME": str(product.instance.home)}))
    assert web is not None
    secrets = server_secrets(product, estate)
    files = [path for path in (web / "build" / "client").rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        text = path.read_bytes().decode("latin-1")
        assert leaks(text, secrets) == [], path
        assert str(product.instance.home) not in text, path
        assert "localhost:8000" not in text, path


def test_no_page_and_no_script_it_names_carries_a_secret(product: Product, estate: Estate) -> None:
    secrets = server_secrets(product, estate)
    with product.client(estate.owner) as http:
        scripts = set()
        for path in PAGES:
            text = http.get(path, follow_redirects=True).text
            scripts |= set(re.findall(r'["\'](/assets/[^"\']+\.js)', text))
            assert leaks(text, secrets) == []
            assert CANARY not in text
        assert len(scripts) > 3
        for script in scripts:
            assert leaks(http.get(script).text, secrets) == []


def test_the_description_the_health_and_the_metrics_hold_no_secret(product: Product, estate: Estate) -> None:
    secrets = server_secrets(product, estate)
    with product.client(estate.owner) as http:
        for path in (
            "/api/v1/openapi.json",
            "/openapi.json",
            "/api/docs",
            "/healthz",
            "/readyz",
            "/metrics",
            "/_health",
        ):
            text = http.get(path).text
            assert leaks(text, secrets) == []
            assert CANARY not in text


def test_hidden_files_and_paths_out_of_the_web_folder_are_absent(product: Product) -> None:
    with product.client() as http:
        for path in (
            "/.env",
            "/..%2f..%2frxconfig.py",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/assets/..%2f..%2f..%2frxconfig.py",
            "/reflex.json",
            "/backend/stateful_pages.json",
            "/secrets/metrics",
            "//etc/passwd",
        ):
            answer = http.get(path)
            assert answer.status_code in {307, 400, 404}, (path, answer.status_code)
            assert "root:" not in answer.text
            assert "app_name" not in answer.text


async def test_the_owners_own_frames_hold_no_secret(product: Product, estate: Estate) -> None:
    secrets = server_secrets(product, estate)
    person = product.again(estate.owner)
    async with wire(product, person) as line:
        for name in (
            "frame____frame_state.load",
            "settings____settings_state.load",
            "settings____replay_state.load",
            "pages____dashboard_state.load",
            "pages____portfolio_state.load",
            "pages____orders_state.load",
            "trade____trade_state.load",
            "ticket____ticket_state.load",
            "assistant____assistant_state.load",
        ):
            await line.call(STATES + name, path="/trade/AAPL")
        await line.settled_twice()
        frames = "".join(line.frames)
    assert CANARY in frames
    assert leaks(frames, {**secrets, "own token": person.token}) == []
    assert str(estate.owner.id) not in frames
    assert str(product.session_id(estate.owner)) in frames, "Settings lists the sessions by their ids"
    assert "token_hash" not in frames


def test_a_wrong_passphrase_is_answered_and_logged_without_it(product: Product, estate: Estate) -> None:
    mark = product.log_mark
    wrong = "wrong-canary-19c4 passphrase"
    with product.client() as http:
        answer = http.post("/api/v1/auth/login", json={"email": estate.owner.email, "password": wrong})
        assert answer.status_code == 401
        assert "19c4" not in answer.text
        broken = http.post("/api/v1/auth/login", json={"email": 5, "password": [wrong], "more": wrong})
        assert broken.status_code == 422
        assert "19c4" not in broken.text
    assert "19c4" not in product.log_since(mark)


def test_the_log_holds_no_secret_no_tab_token_and_nobodys_name(product: Product, estate: Estate) -> None:
    log = product.instance.text
    assert len(log) > 1_000
    assert leaks(log, server_secrets(product, estate)) == []
    assert CANARY not in log
    assert not re.search(r"[?&]token=(?!\*)", re.sub(r"http://\S+/setup\?token=\S+", "", log))
    assert "sec-websocket-key" not in log.lower()


def routes_to_read(estate: Estate) -> list[str]:
    """Every route that is read, with the owner's ids; what begins or ends a sign-in elsewhere is no reading."""
    ids = {
        "order_id": estate.order_id,
        "fill_id": estate.fill_id,
        "entry": "1",
        "account_id": estate.account_id,
        "name": "collect news",
        "chat_id": estate.account_id,
        "proposal_id": estate.account_id,
        "approval_id": estate.account_id,
        "basket_id": estate.account_id,
        "optimization_id": estate.account_id,
        "watchlist_id": estate.account_id,
        "screen_id": estate.account_id,
        "symbol": "AAPL",
        "import_id": estate.account_id,
    }
    of_report = f"?account_id={estate.account_id}&period=2021"
    asks = {f"/portfolio/report.{kind}": of_report for kind in ("html", "pdf")}
    asks |= {"/quotes": "?symbols=AAPL", "/bars": "?symbol=AAPL", "/instruments": "?query=a", "/audit": "?limit=200"}
    paths = [route.removeprefix("GET ") for route in RULES if route.startswith("GET ") and "{provider}" not in route]
    paths = [path for path in paths if not path.startswith("/shared/")] + ["/shared/sml_x"]
    whole = [
        path if path in AT_THE_ROOT or path == "/shared/sml_x" else f"/api/v1{path.format(**ids)}{asks.get(path, '')}"
        for path in paths
    ]
    assert len(whole) > 45
    return whole


async def test_planted_secrets_are_in_no_answer_frame_file_log_cache_or_table(product: Product, estate: Estate) -> None:
    planted = await asyncio.to_thread(plant, product, estate)
    try:
        of_the_server = server_secrets(product, estate)
        of_the_server.pop("passphrase hash")  # its place is the database
        secrets = of_the_server | planted.secrets
        assert len(set(planted.secrets.values())) >= 30
        of_vendors = {f"{one.kind} {field.name}" for one in CATALOG for field in one.fields if field.secret}
        assert of_vendors <= set(secrets)
        for person in (product.again(estate.owner), product.again(planted.newcomer)):
            await asyncio.to_thread(nothing_is_answered, product, estate, person, planted, secrets)
            frames = await frames_of_every_page(product, person)
            assert person.name in frames
            assert found_in(frames.encode(), secrets) == []
        await asyncio.to_thread(nothing_is_kept, product, planted, secrets)
    finally:
        await asyncio.to_thread(planted.forget, product, estate.owner)


def nothing_is_answered(
    product: Product, estate: Estate, person: Person, planted: Planted, secrets: dict[str, str]
) -> None:
    with product.client(person) as http:
        read = [http.get(path) for path in routes_to_read(estate)]
        assert sum(one.status_code == 200 for one in read) > 25
        opened = [http.get(path, follow_redirects=True) for path in (*PAGES, *planted.links)]
    for answer in (*read, *opened):
        sent = answer.content + repr(answer.headers).encode()
        # A page may know the token of the link it was opened with, and no other.
        told = [name for name in found_in(sent, secrets) if answer in read or secrets[name] not in str(answer.url)]
        assert told == [], answer.url.path
    if person.id == estate.owner.id:
        assert all(kind.kind in "".join(one.text for one in read) for kind in CATALOG)


async def frames_of_every_page(product: Product, person: Person) -> str:
    loads = [name for name in RegistrationContext.ensure_context().event_handlers if name.endswith("_state.load")]
    assert len(loads) > 20
    async with wire(product, person) as line:
        for name in loads:
            await line.call(name, path="/trade/AAPL")
        await line.settled_twice(secs=60)
        return "".join(line.frames)


def nothing_is_kept(product: Product, planted: Planted, secrets: dict[str, str]) -> None:
    web = built_frontend(load_settings({"STARKMATTER_HOME": str(product.instance.home)}))
    assert web is not None
    files = [path for path in (web / "build").rglob("*") if path.is_file()]
    assert len(files) > 20
    assert found_in(b"\n".join(path.read_bytes() for path in files), secrets) == []
    assert found_in(product.instance.text.encode(), secrets) == []
    cache = whole_cache(product.redis_url)
    assert b"worker:heartbeat" in cache
    assert found_in(cache, secrets) == []
    with product.database() as connection:
        tables = dict(tables_as_text(connection))
    assert {name: found for name, text in tables.items() if (found := found_in(text, secrets))} == {}
    assert all(tables[name] for name in ("live_trading", "live_approval", "live_permit"))
    everything = b"\n".join(tables.values())
    assert planted.newcomer.email.encode() in everything
    hashes = {name: sha256(secret.encode()).hexdigest().encode() for name, secret in planted.hashed.items()}
    kept = {name for name, digest in hashes.items() if digest in everything}
    assert {"api token", "second refresh token", "second session", "open invitation", "reset link"} <= kept
