"""The REST side of Yahoo Finance: the SDK's session with hard limits, and what its failures mean."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import orjson

from starkmatter.clock import utc_now
from starkmatter.egress.excerpt import LOOKED_AT_CHARS, excerpt_of
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.sdk import load

if TYPE_CHECKING:
    from curl_cffi.requests import Session

VENDOR = "Yahoo Finance"
MAX_BYTES = 6_000_000
QUIET_SECS = 60.0
DAY_SECS = 86_400.0

T = TypeVar("T")


class _VendorStatus(Exception):
    """An HTTP status that is the end of a question: the SDK would ask the same again another way."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


def make_session(url: str | None, cache_dir: Path, read_secs: float, charts: list[bytes]) -> "Session[Any]":
    """The SDK's session with our limits; every host is `url` where one is given; `charts` gets the newest bars."""
    load("yfinance", "curl_cffi.requests")
    import yfinance
    from curl_cffi.requests import Session
    from yfinance.config import YfConfig

    cache_dir.mkdir(parents=True, exist_ok=True)
    yfinance.set_tz_cache_location(str(cache_dir))
    YfConfig.debug.hide_exceptions = False
    YfConfig.network.retries = 0
    logging.getLogger("yfinance").setLevel(logging.CRITICAL + 1)
    there = urlsplit(url) if url else None

    class Limited(Session):  # type: ignore[type-arg]
        def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
            if there is not None:
                url = urlunsplit(urlsplit(url)._replace(scheme=there.scheme, netloc=there.netloc))
            options["timeout"] = read_secs
            answer = super().request(method, url, *args, **options)
            if answer.status_code == 429 or answer.status_code >= 500:
                raise _VendorStatus(answer.status_code)
            if len(answer.content) > MAX_BYTES:
                raise garbage(answer.content[:LOOKED_AT_CHARS])
            if "/finance/chart/" in url:
                charts[:] = [answer.content]
            return answer

    return Limited(impersonate="chrome", trust_env=False)


def check_stamps(charts: list[bytes]) -> None:
    """A garbage failure when a bar's instant is none or to come, or there is nothing and no reason why.

    The SDK would drop that without a word.
    """
    latest = utc_now().timestamp() + DAY_SECS
    for raw in charts:
        chart = orjson.loads(raw)["chart"]
        silent = chart.get("result") is None and chart.get("error") is None
        stamps = [at for result in chart.get("result") or [] for at in result.get("timestamp") or []]
        if silent or not all(type(at) is int and at < latest for at in stamps):
            raise garbage(raw[:LOOKED_AT_CHARS])
    charts.clear()


def forget_answers(data: Any) -> None:
    """The SDK keeps some answers for ever, bad ones too."""
    data.cache_get.cache_clear()


def translated(work: Callable[[], T]) -> T:
    """Do it; what the SDK or the vendor says becomes a VendorFailure."""
    from curl_cffi.requests.exceptions import HTTPError, RequestException
    from yfinance.exceptions import YFException, YFRateLimitError

    try:
        return work()
    except VendorFailure:
        raise
    except YFRateLimitError:
        raise failure_of_status(VENDOR, 429, retry_after_secs=QUIET_SECS) from None
    except _VendorStatus as error:
        quiet = QUIET_SECS if error.status == 429 else None
        raise failure_of_status(VENDOR, error.status, retry_after_secs=quiet) from None
    except HTTPError as error:
        raise failure_of_status(VENDOR, getattr(error.response, "status_code", 0)) from None
    except RequestException as error:
        late = "Timeout" in type(error).__name__
        words = f"{VENDOR} did not answer in time." if late else f"{VENDOR} cannot be reached."
        raise VendorFailure(VENDOR, "unreachable", words) from None
    except OSError:
        raise VendorFailure(VENDOR, "unreachable", f"{VENDOR} cannot be reached.") from None
    except (
        YFException,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        AssertionError,
        RecursionError,
    ):
        raise garbage() from None


def garbage(sent: object = "") -> VendorFailure:
    """The failure that `sent` is; its beginning goes with it."""
    excerpt = excerpt_of(sent if isinstance(sent, str | bytes) else repr(sent)[:LOOKED_AT_CHARS])
    return VendorFailure(VENDOR, "garbage", f"{VENDOR} sent something that is not an answer.", excerpt=excerpt)
