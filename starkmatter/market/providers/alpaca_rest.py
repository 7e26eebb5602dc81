"""The REST side of Alpaca's market data: its SDK with hard limits, and what its failures mean."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from starkmatter.egress.excerpt import LOOKED_AT_CHARS, excerpt_of
from starkmatter.egress.failures import VendorFailure, failure_of_status
from starkmatter.egress.guard import retry_after_secs
from starkmatter.egress.sdk import load

if TYPE_CHECKING:
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.data.historical.crypto import CryptoHistoricalDataClient
    from alpaca.data.historical.stock import StockHistoricalDataClient

SDK = (
    "alpaca.data.historical.stock",
    "alpaca.data.historical.corporate_actions",
    "alpaca.data.historical.crypto",
    "alpaca.data.live.stock",
    "alpaca.data.requests",
    "alpaca.data.timeframe",
)
VENDOR = "Alpaca market data"
MAX_BYTES = 8_000_000
CONNECT_SECS = 3.0

T = TypeVar("T")


def make_bars_client(url: str, keys: Mapping[str, str], read_secs: float) -> "StockHistoricalDataClient":
    """The SDK's client of quotes and bars."""
    load(*SDK)
    from alpaca.data.historical.stock import StockHistoricalDataClient

    client = StockHistoricalDataClient(keys["key_id"], keys["secret"], raw_data=True, url_override=url)
    _limit(client, read_secs)
    return client


def make_coins_client(url: str, keys: Mapping[str, str], read_secs: float) -> "CryptoHistoricalDataClient":
    """The SDK's client of coins."""
    load(*SDK)
    from alpaca.data.historical.crypto import CryptoHistoricalDataClient

    client = CryptoHistoricalDataClient(keys["key_id"], keys["secret"], raw_data=True, url_override=url)
    _limit(client, read_secs)
    return client


def make_actions_client(url: str, keys: Mapping[str, str], read_secs: float) -> "CorporateActionsClient":
    """The SDK's client of corporate actions."""
    load(*SDK)
    from alpaca.data.historical.corporate_actions import CorporateActionsClient

    client = CorporateActionsClient(keys["key_id"], keys["secret"], raw_data=True, url_override=url)
    _limit(client, read_secs)
    return client


def _limit(client: Any, read_secs: float) -> None:
    from requests.adapters import HTTPAdapter

    class Timed(HTTPAdapter):
        """Gives up on a silent server and on an endless answer; the SDK itself would wait and read for ever."""

        def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
            options["timeout"] = (CONNECT_SECS, read_secs)
            answer = super().send(request, **options)
            body = bytearray()
            for chunk in answer.iter_content(65_536):
                body += chunk
                if len(body) > MAX_BYTES:
                    answer.close()
                    raise garbage("content", bytes(body[:LOOKED_AT_CHARS]))
            answer._content = bytes(body)
            return answer

    client._retry = 0  # The number of the SDK's own retries cannot be set to none from outside.
    client._session.trust_env = False
    for scheme in ("https://", "http://"):
        client._session.mount(scheme, Timed(max_retries=0))


def translated(work: Callable[[], T]) -> T:
    """Do it; what the SDK or the vendor says becomes a VendorFailure."""
    from alpaca.common.exceptions import APIError
    from requests.exceptions import JSONDecodeError, RequestException

    try:
        return work()
    except APIError as error:
        retry = retry_after_secs(error.response.headers) if error.response is not None else None
        raise failure_of_status(VENDOR, error.status_code or 0, retry_after_secs=retry) from None
    except JSONDecodeError:
        raise garbage("content") from None
    except RequestException as error:
        late = "Timeout" in type(error).__name__
        words = f"{VENDOR} did not answer in time." if late else f"{VENDOR} cannot be reached."
        raise VendorFailure(VENDOR, "unreachable", words) from None
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError):
        raise garbage("content") from None


def garbage(what: str, sent: object = "") -> VendorFailure:
    """The failure that `sent` is."""
    excerpt = excerpt_of(sent if isinstance(sent, str | bytes) else repr(sent)[:LOOKED_AT_CHARS])
    return VendorFailure(VENDOR, "garbage", f"{VENDOR} sent an answer without readable {what}.", excerpt=excerpt)


def object_of(value: Any) -> Mapping[str, Any]:
    """The value when it is an object; a garbage failure otherwise."""
    if not isinstance(value, dict):
        raise garbage("content", value)
    return value
