"""Asks a vendor that answers in JSON and has no SDK worth its price: one GET, hard limits, and keys that stay inside.

No redirect is followed, no proxy of the environment is used, and neither address nor key is in any failure.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson

from starkmatter.egress.excerpt import excerpt_of
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import retry_after_secs

MAX_BYTES = 6_000_000
CONNECT_SECS = 3.0
QUIET_SECS = 60.0
# Both tell every address, and a key may be in it.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class JsonVendor:
    """One vendor's REST side. `hide` are its keys; `speaks` the statuses whose body is an answer in its own words.

    What is not JSON is read with `content`.
    """

    def __init__(
        self,
        vendor: str,
        url: str,
        *,
        hide: Sequence[str],
        read_secs: float,
        headers: Mapping[str, str] | None = None,
        speaks: frozenset[int] = frozenset({200}),
    ) -> None:
        self.vendor = vendor
        self.hide = tuple(hide)
        self._url = url.rstrip("/")
        self._headers = dict(headers or {})
        self._read_secs = read_secs
        self._speaks = speaks
        self._client: httpx.AsyncClient | None = None

    async def ready(self) -> httpx.AsyncClient:
        """The client; made at first use, which takes longer than an answer may: await it before the line."""
        if self._client is None:
            limits = httpx.Timeout(self._read_secs, connect=min(CONNECT_SECS, self._read_secs))
            self._client = await asyncio.to_thread(
                httpx.AsyncClient, timeout=limits, trust_env=False, follow_redirects=False
            )
        return self._client

    async def get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The object at `path`. VendorFailure when there is none."""
        found = await self._read(path, params)
        if not isinstance(found, dict):
            raise self.garbage(found)
        return found

    async def get_rows(self, path: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """The list of objects at `path`. VendorFailure when there is none."""
        return self.rows({"rows": await self._read(path, params)}, "rows")

    async def post_rows(self, path: str, told: Any) -> list[dict[str, Any]]:
        """The list of objects that a question in JSON is answered with; it changes nothing there."""
        return self.rows({"rows": await self._read(path, {}, orjson.dumps(told))}, "rows")

    async def _read(self, path: str, params: Mapping[str, str], told: bytes | None = None) -> Any:
        body = await self.content(path, params, told)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise self.garbage(body) from None

    async def content(self, path: str, params: Mapping[str, str], told: bytes | None = None) -> bytes:
        """What is at `path`, or is answered to what it is `told` there. VendorFailure when nothing is, or too much."""
        client = await self.ready()
        try:
            method, more = ("GET", {}) if told is None else ("POST", {"Content-Type": "application/json"})
            asked: dict[str, Any] = {"params": dict(params), "headers": self._headers | more, "content": told}
            async with client.stream(method, self._url + path, **asked) as response:
                if response.status_code not in self._speaks:
                    quiet = retry_after_secs(response.headers)
                    if response.status_code == 429:
                        quiet = quiet or QUIET_SECS
                    raise failure_of_status(self.vendor, response.status_code, retry_after_secs=quiet)
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise self.garbage(bytes(body[:MAX_BYTES]), f"more than {MAX_BYTES:,} bytes")
        except httpx.TimeoutException:
            raise VendorFailure(self.vendor, "unreachable", f"{self.vendor} did not answer in time.") from None
        except httpx.DecodingError:
            raise self.garbage("", "an answer that cannot be unpacked") from None
        except (httpx.TransportError, httpx.StreamError, OSError):
            raise VendorFailure(self.vendor, "unreachable", f"{self.vendor} cannot be reached.") from None
        return bytes(body)

    def garbage(self, sent: bytes | str | object, what: str = "something that is not an answer") -> VendorFailure:
        """The failure that `sent` is; its beginning goes with it, without the keys."""
        excerpt = excerpt_of(sent if isinstance(sent, bytes | str) else repr(sent), self.hide)
        return VendorFailure(self.vendor, "garbage", f"{self.vendor} sent {what}.", excerpt=excerpt)

    def rows(self, found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        """The list of objects under that name; a garbage failure when it is none."""
        rows = found.get(name)
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            raise self.garbage(found)
        return rows

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
