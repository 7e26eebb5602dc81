"""Secrets planted through the product's own doors, and every form in which one could be found again."""

from base64 import b32decode, b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlsplit
from uuid import UUID

import httpx
import psycopg
import pyotp
from psycopg import sql
from redis import Redis

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.connections.catalog import CATALOG
from tests.security.conftest import Estate
from tests.security.product import COOKIE, Person, Product

ANSWER_SECS = 45.0  # a provider that cannot be reached is said so after twenty
# What is no secret of a connection and has no default that fits.
OPEN_FIELDS = {
    "client_id": "starkmatter-at-home",
    "tenant": "5a1f6d1e-0000-4000-8000-0123456789ab",
    "host": "127.0.0.1",
    "port": "9",
    "security": "none",
    "user": "canary",
    "sender": "canary@example.org",
}


@dataclass
class Planted:
    """Each secret by its name; of those in `hashed` the database may hold the SHA-256."""

    secrets: dict[str, str]
    hashed: dict[str, str]
    newcomer: Person
    links: list[str]
    connections: list[tuple[Person, str]]
    live_account: str

    def forget(self, product: Product, admin: Person) -> None:
        """Take the vendors' keys away again: the product is everybody's."""
        for person, kind in self.connections:
            fresh = product.again(admin if person.id == admin.id else self.newcomer)
            with product.client(fresh) as http:
                assert http.delete(f"/api/v1/connections/{kind}").status_code == 204, kind
        with product.client(product.again(self.newcomer)) as http:
            assert http.delete(f"/api/v1/accounts/{self.live_account}/live-trading").is_success


def plant(product: Product, estate: Estate) -> Planted:
    """Somebody is invited, signs in in every way and makes tokens; every vendor gets keys."""
    admin, secrets, hashed = product.again(estate.owner), {}, {}
    with product.client(admin) as http:
        http.timeout = ANSWER_SECS
        links = [_said(http.post("/api/v1/admin/invitations", json={"role": "trader"}))["link"] for _ in range(2)]
        hashed |= {"used invitation": _query(links[0]), "open invitation": _query(links[1])}
        newcomer, more = _register(product, hashed["used invitation"])
        secrets["first passphrase"] = newcomer.passphrase
        links.append(_said(http.post("/api/v1/admin/reset-links", json={"user_id": str(newcomer.id)}))["link"])
        hashed["reset link"] = _query(links[-1])
        shown = {"account_ids": [str(estate.account_id)], "period": "2021", "label": "Planted"}
        links.append(_said(http.post("/api/v1/report-links", json=shown))["url"])
        hashed["report link"] = links[-1].rpartition("/")[2]
    secrets |= more
    hashed["first session"] = newcomer.token
    newcomer, more, of_sessions = _sign_in_with_everything(product, newcomer)
    secrets |= more
    hashed |= of_sessions
    codes = [more[f"recovery code {n}"] for n in (1, 2)]
    live_account, hashed["session of a live order"] = _order_for_real_money(product, product.again(newcomer), codes)
    with ThreadPoolExecutor() as pool:  # some wait long for a provider that cannot be reached
        asked = [pool.submit(_connect, product, kind, admin, newcomer) for kind in CATALOG]
    connections = [one.result() for one in asked]
    for kind, (_, _, values) in zip(CATALOG, connections, strict=True):
        secrets |= {f"{kind.kind} {field.name}": values[field.name] for field in kind.fields if field.secret}
    return Planted(secrets | hashed, hashed, newcomer, links, [one[:2] for one in connections], live_account)


def _connect(
    product: Product, kind: ConnectionKind, admin: Person, newcomer: Person
) -> tuple[Person, str, dict[str, str]]:
    person = admin if kind.scope == "installation" else newcomer
    values = {field.name: _value(product, kind, field) for field in kind.fields}
    with product.client(product.again(person)) as http:
        http.timeout = ANSWER_SECS
        _said(http.put(f"/api/v1/connections/{kind.kind}", json={"values": values}))
    return person, kind.kind, values


def _value(product: Product, kind: ConnectionKind, field: ConnectionField) -> str:
    if field.secret:
        return f"PK-{kind.kind}-{field.name}-{token_hex(16)}"
    return product.elsewhere.url if field.name == "issuer" else OPEN_FIELDS.get(field.name) or field.default


def _register(product: Product, invitation: str) -> tuple[Person, dict[str, str]]:
    email, passphrase = f"newcomer-{token_hex(4)}@example.org", f"newcomer {token_hex(16)}"
    body = {"email": email, "password": passphrase, "display_name": "Newcomer", "invite_token": invitation}
    with product.client() as http:
        answer = http.post("/api/v1/auth/register", json=body)
        user_id = UUID(_said(answer)["user_id"])
        devices = {f"cookie {name}": value for name, value in http.cookies.items() if name != COOKIE}
        return Person(user_id, email, "Newcomer", passphrase, http.cookies[COOKIE]), devices


def _sign_in_with_everything(product: Product, person: Person) -> tuple[Person, dict[str, str], dict[str, str]]:
    """A new passphrase, a second factor with recovery codes, a passkey's wish, an API token and its grants."""
    chosen = f"changed {token_hex(16)}"
    with product.client(person) as http:
        _said(http.post("/api/v1/auth/password", json={"password": person.passphrase, "new_password": chosen}))
        seed = _said(http.post("/api/v1/auth/totp/enroll"))["secret"]
        codes = _said(http.post("/api/v1/auth/totp/confirm", json={"code": pyotp.TOTP(seed).now()}))["recovery_codes"]
        token = _said(http.post("/api/v1/tokens", json={"name": "Program", "scopes": ["read"]}))["token"]
    with product.client() as http:
        first = _said(http.post("/api/v1/auth/token", json={"grant_type": "api_token", "api_token": token}))
        renewal = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = _said(http.post("/api/v1/auth/token", json=renewal))
        for bearer in (token, second["access_token"]):
            _said(http.get("/api/v1/auth/me", headers={"authorization": f"Bearer {bearer}"}))
        login = {"email": person.email, "password": chosen}
        assert http.post("/api/v1/auth/login", json=login).status_code == 428
        _said(http.post("/api/v1/auth/login", json={**login, "totp": codes[0]}))
        session = http.cookies[COOKIE]
    secrets = {
        "second passphrase": chosen,
        "seed": seed,
        "access token": first["access_token"],
        "second access token": second["access_token"],
        **{f"recovery code {n}": code for n, code in enumerate(codes)},
    }
    hashed = {
        "api token": token,
        "refresh token": first["refresh_token"],
        "second refresh token": second["refresh_token"],
        "second session": session,
    }
    return Person(person.id, person.email, person.name, chosen, session), secrets, hashed


def _order_for_real_money(product: Product, person: Person, codes: list[str]) -> tuple[str, str]:
    """Live trading turned on and an order confirmed, each with passphrase and code: account and last cookie."""
    with product.client(person) as http:
        opened = {"name": "Real", "cash": "100000"}
        account = _said(http.post("/api/v1/accounts", json=opened))["id"]
        _becomes_live(product, account)
        live = f"/api/v1/accounts/{account}/live-trading"
        assert http.put(live, json={"confirm": "Real"}).status_code == 403
        _prove(http, person, codes[0])
        _said(http.put(live, json={"confirm": "Real"}))
        order = {"account_id": account, "symbol": "AAPL", "side": "buy", "type": "limit", "limit_price": "1.00"}
        order |= {"qty": "1", "time_in_force": "gtc"}
        key = {"idempotency-key": f"planted-{token_hex(8)}"}
        refused = http.post("/api/v1/orders", json=order, headers=key)
        assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required"), refused.text
        _prove(http, person, codes[1])
        told = _said(http.post("/api/v1/orders", json=order, headers=key))
        assert told["status"] != "risk_rejected", told
        return account, http.cookies[COOKIE]


def _becomes_live(product: Product, account: str) -> None:
    """As if it had been opened at a broker, whose book was read: it is not connected any more, so nothing is sent."""
    gone = "Schwab is not connected: enter its keys under Settings, Connections. Nothing is sent meanwhile."
    with product.database() as connection, connection.transaction():
        connection.execute("ALTER TABLE account DISABLE TRIGGER account_mode_is_fixed")
        connection.execute("UPDATE account SET mode = 'live', broker = 'schwab' WHERE id = %s", (account,))
        connection.execute("ALTER TABLE account ENABLE TRIGGER account_mode_is_fixed")
        connection.execute(
            "INSERT INTO broker_account (account_id, broker, number, state, words)"
            " VALUES (%s, 'schwab', %s, 'ready', %s)",
            (account, token_hex(4), gone),
        )


def _prove(http: httpx.Client, person: Person, code: str) -> None:
    _said(http.post("/api/v1/auth/step-up", json={"password": person.passphrase, "totp": code}))
    http.headers["cookie"] = f"{COOKIE}={http.cookies[COOKIE]}"  # a proof changes it


def _said(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, (answer.request.method, answer.request.url.path, answer.status_code, answer.text)
    return dict(answer.json()) if answer.content else {}


def _query(link: str) -> str:
    return next(iter(parse_qs(urlsplit(link).query).values()))[0]


@cache
def forms_of(secret: str) -> frozenset[bytes]:
    """The secret as it is, quoted, in hexadecimal digits and in base64 wherever it begins; a seed also decoded."""
    found = set()
    raws = {secret.encode(), secret.replace("-", "").encode(), secret.split(".")[-1].encode()}
    if secret.isalnum() and secret.isupper():
        raws.add(b32decode(secret + "=" * (-len(secret) % 8)))
    for raw in raws:
        found |= {raw, raw.hex().encode(), raw.hex().upper().encode(), quote(raw, safe="").encode()}
        found |= {quote_plus(raw).encode()}
        for skipped, begin in ((0, 0), (1, 2), (2, 3)):
            whole = (skipped + len(raw)) * 8 // 6
            padded = b"\0" * skipped + raw
            found |= {code(padded)[begin:whole] for code in (b64encode, urlsafe_b64encode)}
    return frozenset(found)


def found_in(content: bytes, secrets: dict[str, str]) -> list[str]:
    """The names of those that are in there in any form."""
    return [name for name, secret in secrets.items() if any(form in content for form in forms_of(secret))]


def tables_as_text(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, bytes]]:
    """Every table of every schema that is ours, all of its rows as text."""
    listed = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"
    ).fetchall()
    for schema, name in listed:
        query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(schema, name))
        with connection.cursor().copy(query) as rows:
            yield name, b"".join(bytes(row) for row in rows)


def whole_cache(url: str) -> bytes:
    """Every key and value in Valkey, unpacked."""
    readers: dict[bytes, Any] = {
        b"string": lambda valkey, key: [valkey.get(key)],
        b"hash": lambda valkey, key: _flat(valkey.hgetall(key).items()),
        b"list": lambda valkey, key: valkey.lrange(key, 0, -1),
        b"set": lambda valkey, key: valkey.smembers(key),
        b"zset": lambda valkey, key: valkey.zrange(key, 0, -1),
        b"stream": lambda valkey, key: _flat(pair for _, entry in valkey.xrange(key) for pair in entry.items()),
        b"none": lambda valkey, key: [],  # it ran out meanwhile
    }
    parts: list[bytes] = []
    with Redis.from_url(url) as valkey:
        for key in valkey.scan_iter():
            parts += [key, *(one or b"" for one in readers[valkey.type(key)](valkey, key))]
    return b"\n".join(parts)


def _flat(pairs: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    return [part for pair in pairs for part in pair]
