"""One running product for all browser and security tests of a run, its people, and what its tables hold."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from starkmatter.accounts.sessions import token_hash
from starkmatter.egress.guard import authorities
from tests.ops.instance import Instance, running_instance, starkmatter
from tests.prepared import lay_out
from tests.ram import home_folder
from tests.standins.all import vendor_urls
from tests.standins.claude import ClaudeStandIn, claude_server
from tests.standins.feeds import Feeds, feed_server
from tests.standins.oidc_provider import OidcProvider, oidc_provider

SETUP_LINK = re.compile(r"http://\S+/setup\?token=([\w-]+)")
# An open page draws every price: at the usual 10x that takes a quarter of a core, which the other tests need.
CALM_SPEED = 2
METRICS_TOKEN = "canary-metrics-token-5b1f0e"
COOKIE = "starkmatter_session"
# Written by the worker all the time, whoever calls what.
MARKET_TABLES = {
    "bar",
    "bar_coverage",
    "bar_forming",
    "bar_gap",
    "corporate_split",
    "corporate_dividend",
    "earnings_date",
    "action_coverage",
    "action_told",
    "action_posting",
    "action_order",
    "action_mark",
    "fx_rate",
    "tick",
    "instrument",
    "market_session",
    "replay_run",
    "equity_snapshot",
    "account_close",
    "news_item",
    "symbol_brief",  # everybody's, once somebody had it written
    "audit_position",
}
PARTITIONS = ("bar_replay", "bar_market", "tick_")
# Every sign-in that is tried or begun counts, also one that fails; so does every answer of the analyst.
COUNTS = {"sign_in_try", "ai_month", "passkey_challenge", "oidc_flow"}
# When somebody was last seen, and how a feed answered the worker.
HOUSEKEEPING = ["last_seen_at", "last_ok_at", "last_failed_at", "failure", "etag", "last_modified"]
_KEY = pytest.StashKey["Product"]()
_STACK = pytest.StashKey[ExitStack]()


@dataclass(frozen=True)
class Person:
    """Somebody with an open session."""

    id: UUID
    email: str
    name: str
    passphrase: str
    token: str

    @property
    def cookie(self) -> str:
        return f"{COOKIE}={self.token}"


class Product:
    """The instance, and the ways around its front door that only a test has."""

    def __init__(self, instance: Instance, claude: ClaudeStandIn, feeds: Feeds, elsewhere: OidcProvider) -> None:
        self.instance = instance
        self.claude = claude
        self.feeds = feeds
        self.elsewhere = elsewhere
        self.origin = f"http://127.0.0.1:{instance.port}"
        web = instance.child("web")
        assert web is not None
        self.database_url = web.environ()["DATABASE_URL"]
        self.redis_url = web.environ()["REDIS_URL"]

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            yield connection

    def knows(self, email: str) -> bool:
        """Whether somebody has that address."""
        with self.database() as connection:
            return connection.execute("SELECT 1 FROM app_user WHERE email = %s", (email,)).fetchone() is not None

    def setup_link(self) -> str:
        """A link that makes an owner; whoever was the owner becomes an admin."""
        with self.database() as connection:
            demoted = connection.execute("UPDATE app_user SET role = 'admin' WHERE role = 'owner'").rowcount
        printed = SETUP_LINK.search(self.instance.text)
        if not demoted:
            assert printed is not None
            return printed.group()
        more = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        said = starkmatter("user", "setup-link", home=self.instance.home, port=self.instance.port, more=more)
        link = SETUP_LINK.search(said.stdout + said.stderr)
        assert link is not None, said
        return link.group()

    def owner(self, name: str, email: str, passphrase: str) -> Person:
        """Set the installation up over REST."""
        token = SETUP_LINK.search(self.setup_link())
        assert token is not None
        body = {"email": email, "password": passphrase, "display_name": name, "setup_token": token.group(1)}
        with self.client() as http:
            answer = http.post("/api/v1/auth/register", json=body)
            assert answer.status_code == 201, answer.text
            return Person(UUID(answer.json()["user_id"]), email, name, passphrase, http.cookies[COOKIE])

    def person(self, role: str, name: str = "Somebody Else") -> Person:
        """Another person with a session, written straight into the database."""
        user_id, token = uuid4(), token_urlsafe(32)
        email = f"{role}-{user_id.hex[:8]}@example.org"
        with self.database() as connection:
            connection.execute(
                "INSERT INTO app_user (id, email, display_name, role, passphrase_hash, created_at)"
                " VALUES (%s, %s, %s, %s, 'none', now())",
                (user_id, email, name, role),
            )
        person = Person(user_id, email, name, "", token)
        self._insert_session(person, token)
        return person

    def again(self, person: Person, *, fresh: bool = True) -> Person:
        """The same person in another browser, who has just proven who they are, or has not for six minutes."""
        token = token_urlsafe(32)
        self._insert_session(person, token, fresh=fresh)
        return Person(person.id, person.email, person.name, person.passphrase, token)

    def _insert_session(self, person: Person, token: str, *, fresh: bool = True) -> None:
        now = datetime.now(UTC)
        proven_at = now if fresh else now - timedelta(minutes=6)
        with self.database() as connection:
            connection.execute(
                "INSERT INTO user_session"
                " (id, user_id, token_hash, created_at, last_seen_at, expires_at, ip, user_agent, proven_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, '127.0.0.1', 'test', %s)",
                (uuid4(), person.id, token_hash(token), now, now, now + timedelta(hours=1), proven_at),
            )

    def session_id(self, person: Person) -> UUID:
        with self.database() as connection:
            row = connection.execute(
                "SELECT id FROM user_session WHERE token_hash = %s", (token_hash(person.token),)
            ).fetchone()
            assert row is not None
            return UUID(str(row[0]))

    def prove(self, email: str, *, minutes_ago: int = 0) -> None:
        """As if all sessions of that person had seen a proof of who it is then."""
        with self.database() as connection:
            connection.execute(
                "UPDATE user_session SET proven_at = now() - make_interval(mins => %s)"
                " WHERE user_id = (SELECT id FROM app_user WHERE email = %s)",
                (minutes_ago, email),
            )

    def client(self, person: Person | None = None, *, origin: str | None = "") -> httpx.Client:
        """REST as a browser on our own page would ask; `origin=None` leaves the header out."""
        headers = {} if origin is None else {"origin": origin or self.origin}
        if person is not None:
            headers["cookie"] = person.cookie
        return httpx.Client(base_url=self.origin, headers=headers, timeout=10, verify=authorities())

    def tables(self, but_of: Person | None = None) -> dict[str, tuple[int, str]]:
        """Row count and hash of every table the market does not write; without the rows `but_of` may change."""
        found = {}
        mine = str(but_of.id) if but_of else str(UUID(int=0))
        theirs = "(SELECT id FROM account WHERE user_id = %(mine)s::uuid)"
        conditions = {
            "app_user": "t.id <> %(mine)s::uuid",
            "user_session": "t.user_id <> %(mine)s::uuid",
            "account": "t.user_id <> %(mine)s::uuid",
            "mail_choice": "t.user_id <> %(mine)s::uuid",
            "ledger_entry": f"t.account_id NOT IN {theirs}",
            # What the worker carries over from the journals comes whenever it comes.
            "audit_event": "t.source IS NULL AND t.actor_id IS NOT NULL AND t.actor_id <> %(mine)s::uuid",
            "job_run": "t.asked_by IS NOT NULL AND t.asked_by <> %(mine)s::uuid",
            "account_share": "t.shared_by <> %(mine)s::uuid",
            "trading_stop": "t.set_by <> %(mine)s::uuid",
            "trading_rule": "t.user_id <> %(mine)s::uuid",
            "live_approval": "t.user_id <> %(mine)s::uuid",
            "approval": "t.proposed_by <> %(mine)s::uuid",
            "allocation_target": f"t.account_id NOT IN {theirs}",
            "portfolio_optimization": "t.user_id <> %(mine)s::uuid",
            "symbol_tag": "t.user_id <> %(mine)s::uuid",
            "basket": "t.made_by <> %(mine)s::uuid",
            "basket_line": f"t.account_id NOT IN {theirs}",
            "report_schedule": "t.user_id <> %(mine)s::uuid",
            "report_link": "t.user_id <> %(mine)s::uuid",
            "alert": "t.user_id <> %(mine)s::uuid",
            "portfolio_import": "t.user_id <> %(mine)s::uuid",
            "import_mapping": "t.user_id <> %(mine)s::uuid",
            "tracked_account": f"t.account_id NOT IN {theirs}",
            "chart_drawing": "t.user_id <> %(mine)s::uuid",
            "chart_template": "t.user_id <> %(mine)s::uuid",
            "watchlist": "t.user_id <> %(mine)s::uuid",
            "saved_screen": "t.user_id <> %(mine)s::uuid",
            "api_token": "t.user_id <> %(mine)s::uuid",
            "ai_call": "t.owner_id <> %(mine)s::uuid",
            "chat": "t.owner_id <> %(mine)s::uuid",
        }
        with self.database() as connection:
            names = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
            ).fetchall()
            for (name,) in names:
                if name in MARKET_TABLES | COUNTS or name.startswith(PARTITIONS):
                    continue
                where = sql.SQL(conditions.get(name, "%(mine)s::uuid IS NOT NULL"))
                query = sql.SQL(
                    "SELECT count(*), coalesce(md5(string_agg(line, '' ORDER BY line)), '') FROM ("
                    " SELECT (to_jsonb(t) - %(housekeeping)s::text[])::text AS line FROM {} t WHERE {}) lines"
                ).format(sql.Identifier(name), where)
                row = connection.execute(query, {"mine": mine, "housekeeping": HOUSEKEEPING}).fetchone()
                assert row is not None
                found[name] = (row[0], row[1])
        return found

    @contextmanager
    def at_speed(self, speed: int) -> Iterator[None]:
        """The replay that fast for the block: where a test waits for prices to move far enough."""
        with self.client(self.person("admin")) as http:
            _turn_to(http, speed)
            try:
                yield
            finally:
                _turn_to(http, CALM_SPEED)

    def log_since(self, mark: int) -> str:
        return self.instance.text[mark:]

    @property
    def log_mark(self) -> int:
        return len(self.instance.text)


def _turn_to(http: httpx.Client, speed: int) -> None:
    answer = http.post("/api/v1/replay", json={"speed": speed})
    assert answer.status_code == 200, answer.text


def tracebacks(log: str) -> list[str]:
    """The log lines that carry a traceback."""
    return [line for line in log.splitlines() if "Traceback" in line or '"exception"' in line]


def web_lines(log: str) -> list[dict[str, Any]]:
    """What the web process said, as records."""
    found = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [one for one in found if one.get("process") == "web"]


def end_product(config: pytest.Config) -> None:
    """Stop it, if it was started; the next test that needs one starts another."""
    if _STACK in config.stash:
        config.stash[_STACK].close()
        del config.stash[_STACK]
    if _KEY in config.stash:
        del config.stash[_KEY]


def product_of(config: pytest.Config) -> Product:
    """The product of this run, started when a test first needs it and stopped after the last that does."""
    if _KEY not in config.stash:
        stack = config.stash[_STACK] = ExitStack()
        config.add_cleanup(stack.close)
        folder = stack.enter_context(home_folder())
        claude = stack.enter_context(claude_server())
        feeds = stack.enter_context(feed_server())
        elsewhere = stack.enter_context(oidc_provider())
        more = {
            "STARKMATTER_METRICS_TOKEN": METRICS_TOKEN,
            "STARKMATTER_REPLAY_SPEED": str(CALM_SPEED),
            "STARKMATTER_VENDOR_URLS": json.dumps(vendor_urls() | {"claude": claude.url}),
            "STARKMATTER_EGRESS_ALLOW": f"{feeds.allow},{elsewhere.allow}",
            # All tests are one machine, and call every handler as fast as they can.
            "STARKMATTER_SIGN_IN_PER_MIN": "1000",
            "STARKMATTER_REQUESTS_PER_MIN": "100000",
            "STARKMATTER_READS_PER_MIN": "100000",
            "STARKMATTER_WRITES_PER_MIN": "100000",
            "STARKMATTER_EVENTS_PER_SEC": "5000",
        }
        lay_out(folder / "home", with_market=True)
        instance = stack.enter_context(running_instance(folder / "home", folder / "run.log", more=more))
        instance.wait_for_page()
        instance.wait_until_ready()
        instance.wait(lambda: SETUP_LINK.search(instance.text), "the set-up link")
        instance.wait(lambda: instance.get("/readyz") == 200, "a market with quotes", within_secs=60)
        config.stash[_KEY] = Product(instance, claude, feeds, elsewhere)
    return config.stash[_KEY]
