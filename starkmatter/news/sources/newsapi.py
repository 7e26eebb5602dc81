"""NewsAPI (newsapi.org) through its SDK: in a thread, over a session that is ours, so time-outs and limits hold.

The key travels in the Authorization header only. `newsapi` in STARKMATTER_VENDOR_URLS replaces https://newsapi.org.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.egress.capability import Capability
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import REDIRECTS, retry_after_secs
from starkmatter.egress.line import Line
from starkmatter.egress.sdk import load
from starkmatter.news.ports import RawItem
from starkmatter.settings import Settings

KIND = "newsapi"
VENDOR = "NewsAPI"
URL = "https://newsapi.org"
# Of the developer plan's 100 a day: the rest is for the test button and for a key that others use as well.
MAX_A_DAY = 80
PER_MIN = 6
TIMEOUT_SECS = 10.0
MAX_BYTES = 2_000_000
PAGE_SIZE = 50
QUERY_CHARS = 480
LOOK_BACK = timedelta(days=5)

CAPABILITY = Capability(
    port="news",
    adapter=KIND,
    vendor=VENDOR,
    client="newsapi-python",
    connection=KIND,
    gives=("headlines by company", "business headlines", "links", "publishers"),
    limits=f"developer plan: 100 requests a day (we ask {MAX_A_DAY} times at most), articles a day late",
    notes="The developer plan is for development on this machine only; read its terms before others use it.",
)


class NewsApiSource:
    """One key. `turn` chooses which part of a long list of companies is asked for this time."""

    capability = CAPABILITY

    def __init__(
        self, settings: Settings, secrets: Mapping[str, str], *, turn: int = 0, timeout_secs: float = TIMEOUT_SECS
    ) -> None:
        self._url = settings.vendor_urls.get(KIND, URL).rstrip("/")
        self._key = secrets["key"]
        self._turn = turn
        self._timeout_secs = timeout_secs
        # A request counts against the day's hundred whether it succeeds or not: the next run is the retry.
        self._line = _line(timeout_secs)

    async def fetch(self, names: Sequence[str]) -> list[RawItem]:
        """See the port. Articles about these companies of the last days; without names, business headlines."""
        query = query_of(names, self._turn)

        def ask(client: Any) -> Any:
            if not query:
                return client.get_top_headlines(category="business", language="en", page_size=PAGE_SIZE)
            since = (utc_now() - LOOK_BACK).date().isoformat()
            return client.get_everything(
                q=query, language="en", sort_by="publishedAt", page_size=PAGE_SIZE, from_param=since
            )

        return _items(await self._ask(ask))

    async def check(self) -> str:
        """One cheap request; what it says in words."""
        answer = await self._ask(lambda client: client.get_top_headlines(country="us", page_size=1))
        _items(answer)
        return f"NewsAPI takes the key. It is asked at most {MAX_A_DAY} times a day."

    async def _ask(self, call: Callable[[Any], Any]) -> Any:
        return await self._line.read(lambda: asyncio.to_thread(self._call, call))

    def _call(self, call: Callable[[Any], Any]) -> Any:
        load("requests", "newsapi")
        import requests
        from newsapi import NewsApiClient
        from newsapi.newsapi_exception import NewsAPIException

        with _session(self._url, self._timeout_secs) as session:
            try:
                return call(NewsApiClient(api_key=self._key, session=session))
            except NewsAPIException as error:
                raise _failure(session.status, error.exception, session.retry_after_secs) from None
            except (requests.exceptions.JSONDecodeError, RecursionError):
                raise _failure(session.status, None, session.retry_after_secs) from None
            except requests.exceptions.RequestException:
                raise VendorFailure(VENDOR, "unreachable", f"{VENDOR} cannot be reached or is too slow.") from None


def query_of(names: Sequence[str], turn: int) -> str:
    """As many quoted names as one query takes; with more of them each turn asks for the next part."""
    parts: list[list[str]] = [[]]
    for name in dict.fromkeys(f'"{name.replace(chr(34), "")}"' for name in names if name.strip()):
        if parts[-1] and len(" OR ".join([*parts[-1], name])) > QUERY_CHARS:
            parts.append([])
        parts[-1].append(name)
    return " OR ".join(parts[turn % len(parts)])


_shared: dict[float, Line] = {}


def _line(timeout_secs: float) -> Line:
    if timeout_secs not in _shared:
        _shared[timeout_secs] = Line(VENDOR, per_min=PER_MIN, tries=1, timeout_secs=timeout_secs * 2)
    return _shared[timeout_secs]


def _session(base: str, timeout_secs: float) -> Any:
    """A session that goes to `base`, ends in time, follows no redirect and reads no more than it must."""
    import requests

    class Session(requests.Session):
        status = 0
        retry_after_secs: float | None = None

        def request(self, method: str, url: str, **given: Any) -> requests.Response:  # type: ignore[override]
            given |= {"timeout": timeout_secs, "stream": True, "allow_redirects": False}
            ends_at = monotonic_secs() + timeout_secs * 1.5
            answer = super().request(method, base + url.removeprefix(URL), **given)
            self.status, self.retry_after_secs = answer.status_code, retry_after_secs(answer.headers)
            body = bytearray()
            for chunk in answer.iter_content(65_536):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise VendorFailure(VENDOR, "garbage", f"{VENDOR} sends more than {MAX_BYTES:,} bytes.")
                if monotonic_secs() > ends_at:
                    raise VendorFailure(VENDOR, "unreachable", f"{VENDOR} is too slow.")
            if answer.status_code in REDIRECTS:
                raise VendorFailure(VENDOR, "garbage", f"{VENDOR} sends us elsewhere, which is not followed.")
            answer._content = bytes(body)
            return answer

    session = Session()
    session.trust_env = False
    return session


def _failure(status: int, said: Any, wait_secs: float | None) -> VendorFailure:
    """In our words: what the vendor wrote is not repeated."""
    code = said.get("code") if isinstance(said, dict) else None
    if code in {"rateLimited", "apiKeyExhausted"} or status == 429:
        text = f"{VENDOR} has given this key all requests of its plan for now."
        return VendorFailure(VENDOR, "rate_limited", text, retry_after_secs=wait_secs)
    if code in {"apiKeyInvalid", "apiKeyMissing", "apiKeyDisabled"} or status == 401:
        return VendorFailure(
            VENDOR, "refused", f"{VENDOR} does not accept this key. Enter it again or ask for another."
        )
    if status == 426 or code in {"maximumResultsReached", "corsNotAllowed", "parameterInvalid"}:
        text = (
            f"{VENDOR}'s plan does not include this. The developer plan is for development on your own machine and "
            "gives articles a day late; a paid plan gives them at once."
        )
        return VendorFailure(VENDOR, "refused", text)
    if status == 200:
        return VendorFailure(VENDOR, "garbage", f"{VENDOR} answered with something that cannot be read.")
    return failure_of_status(VENDOR, status, retry_after_secs=wait_secs)


def _items(answer: Any) -> list[RawItem]:
    articles = answer.get("articles") if isinstance(answer, dict) and answer.get("status") == "ok" else None
    if not isinstance(articles, list):
        raise VendorFailure(VENDOR, "garbage", f"{VENDOR} answered with something that cannot be read.")
    return [_item(one) for one in articles[:PAGE_SIZE] if isinstance(one, dict) and _text(one, "title") != "[Removed]"]


def _item(one: Mapping[str, Any]) -> RawItem:
    publisher = one.get("source")
    name = _text(publisher, "name") if isinstance(publisher, dict) else ""
    return RawItem(
        title=_text(one, "title"),
        summary=_text(one, "description"),
        url=_text(one, "url"),
        source=name or VENDOR,
        published_at=_instant(_text(one, "publishedAt")),
    )


def _text(one: Mapping[str, Any], name: str) -> str:
    value = one.get(name)
    return value if isinstance(value, str) else ""


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


async def test_key(b: Backends, secrets: Secrets) -> str:
    """The test button."""
    return await NewsApiSource(b.settings, secrets).check()


CONNECTION = ConnectionKind(
    kind=KIND,
    title="NewsAPI",
    scope="installation",
    adds="With a NewsAPI key, headlines about the companies you hold or watch are collected twice an hour.",
    fields=(ConnectionField("key", "API key"),),
    test=test_key,
    where="newsapi.org, your account. The free developer plan is for development only.",
    begins="collect news",
)
