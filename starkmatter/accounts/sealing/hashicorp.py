"""Keys of the vault in HashiCorp Vault: its transit engine wraps and unwraps data keys, and no key leaves it.

The client blocks, so it runs on threads of its own. Unwrapped data keys stay in memory for five minutes at most, so
that a Vault that is restarted stops nobody at once.
"""

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr

from starkmatter.accounts.sealing.ports import KeyVersion, Source, Wrapped, bound
from starkmatter.clock import monotonic_secs
from starkmatter.errors import ConfigError, StarkMatterError, Unavailable
from starkmatter.ops.seldom import Seldom
from starkmatter.settings import present_secret

if TYPE_CHECKING:
    from hvac import Client

TOKEN = "STARKMATTER_VAULT_TOKEN"  # noqa: S105 - the name of a variable
CONNECT_SECS, READ_SECS = 3.0, 5.0
WHOLE_SECS = 10.0
THREADS = 4
KEEP_SECS = 300.0
KEEP_KEYS = 512
# After it did not answer, everybody is told so at once for a moment instead of waiting in a row.
PAUSE_SECS = 2.0
NOT_OPENED = (
    "A stored secret cannot be opened: HashiCorp Vault does not open its data key. Check STARKMATTER_VAULT_TRANSIT_KEY "
    "and the key's oldest allowed version there, or enter the secret again."
)
NOT_TAKEN = (
    "HashiCorp Vault refuses to work with the key of STARKMATTER_VAULT_TRANSIT_KEY: it must be of the type "
    "aes256-gcm96 and not derived."
)

log = structlog.get_logger("vault")


class TransitKeys:
    """One key of the transit engine, `NAME` or `MOUNT/NAME`, with all its versions."""

    source: Source = "hashicorp"

    def __init__(
        self, address: str, key_name: str, token: SecretStr, clock: Callable[[], float] = monotonic_secs
    ) -> None:
        self._address, self._token, self._clock = address.rstrip("/"), token, clock
        mount, _, self._name = key_name.rpartition("/")
        self._mount = mount or "transit"
        self._kept: OrderedDict[tuple[bytes, str], tuple[float, bytes]] = OrderedDict()
        self._paused_until = 0.0
        self._seldom = Seldom(clock=clock)

    async def newest(self) -> KeyVersion | None:
        answer = await self._ask(lambda transit: transit.read_key(self._name, mount_point=self._mount))
        return KeyVersion("hashicorp", self._field(answer, "latest_version", int))

    async def wrap(self, data_key: bytes, place: str) -> Wrapped:
        answer = await self._ask(
            lambda transit: transit.encrypt_data(
                self._name, _text(data_key), associated_data=self._bound(place), mount_point=self._mount
            )
        )
        ciphertext = self._field(answer, "ciphertext", str)
        mark, _, rest = ciphertext.partition(":v")
        number = rest.partition(":")[0]
        if mark != "vault" or not (number.isascii() and number.isdigit()):
            raise self._strange()
        return Wrapped(ciphertext.encode(), KeyVersion("hashicorp", int(number)))

    async def unwrap(self, blob: bytes, place: str, number: int) -> bytes:
        now = self._clock()
        kept = self._kept.get((blob, place))
        if kept is not None and now < kept[0]:
            return kept[1]
        self._kept.pop((blob, place), None)
        answer = await self._ask(
            lambda transit: transit.decrypt_data(
                self._name,
                blob.decode("ascii", "replace"),
                associated_data=self._bound(place),
                mount_point=self._mount,
            ),
            NOT_OPENED,
        )
        try:
            data_key = base64.b64decode(self._field(answer, "plaintext", str), validate=True)
        except binascii.Error:
            raise self._strange() from None
        self._keep((blob, place), data_key, now)
        return data_key

    async def make_newer(self, above: int) -> KeyVersion:
        await self._ask(lambda transit: transit.rotate_key(self._name, mount_point=self._mount))
        newest = await self.newest()
        if newest is None:
            raise self._strange()
        return newest

    async def about(self) -> str:
        return f"the key {self._mount}/{self._name} of HashiCorp Vault at {urlsplit(self._address).hostname}"

    def _keep(self, key: tuple[bytes, str], data_key: bytes, now: float) -> None:
        for old in [one for one, (until, _) in self._kept.items() if until <= now]:
            del self._kept[old]
        while len(self._kept) >= KEEP_KEYS:
            self._kept.popitem(last=False)
        self._kept[key] = (now + KEEP_SECS, data_key)

    def _bound(self, place: str) -> str:
        """Which version of its key wrapped it, Vault checks itself."""
        return _text(bound(place, self.source))

    async def _ask(self, question: Callable[[Any], Any], refused: str = NOT_TAKEN) -> Any:
        """What the transit engine answers, asked on a thread of ours."""
        if self._clock() < self._paused_until:
            raise self._down("does not answer")
        try:
            async with asyncio.timeout(WHOLE_SECS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._asked, question, refused)
        except TimeoutError:
            raise self._pause("does not answer in time") from None

    def _asked(self, question: Callable[[Any], Any], refused: str) -> Any:
        import requests
        from hvac import exceptions

        if self._clock() < self._paused_until:
            raise self._down("does not answer")
        try:
            self._client.token = present_secret(TOKEN, self._token)
            return question(self._client.secrets.transit)
        except exceptions.InvalidRequest:
            raise ConfigError(refused) from None
        except (exceptions.Forbidden, exceptions.Unauthorized):
            raise self._down(
                f"refuses the token (403): renew {TOKEN}, and let its policy use the key {self._mount}/{self._name}"
            ) from None
        except exceptions.InvalidPath:
            raise self._down(f"has no key {self._mount}/{self._name} (404): create it in the transit engine") from None
        except exceptions.VaultDown:
            raise self._pause("is sealed or in maintenance (503): unseal it") from None
        except exceptions.VaultError as error:
            raise self._pause(f"failed ({type(error).__name__})") from None
        except requests.Timeout:
            raise self._pause("does not answer in time") from None
        except (requests.RequestException, OSError, ValueError) as error:
            raise self._pause(f"cannot be reached ({type(error).__name__})") from None

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(THREADS, thread_name_prefix="vault")

    @cached_property
    def _client(self) -> "Client":
        """Without proxies of the environment (VAULT_CACERT counts), and never following a redirect with the token."""
        import hvac

        client = hvac.Client(
            url=self._address,
            token=present_secret(TOKEN, self._token),
            timeout=(CONNECT_SECS, READ_SECS),
            allow_redirects=False,
        )
        client.adapter.session.trust_env = False
        return client

    def _field(self, answer: Any, name: str, kind: type) -> Any:
        data = answer.get("data") if isinstance(answer, dict) else None
        value = data.get(name) if isinstance(data, dict) else None
        if not isinstance(value, kind):
            raise self._strange()
        return value

    def _pause(self, how: str) -> StarkMatterError:
        self._paused_until = self._clock() + PAUSE_SECS
        return self._down(how)

    def _strange(self) -> Unavailable:
        return self._down("answered something else than a transit engine does: check STARKMATTER_VAULT_ADDR")

    def _down(self, how: str) -> Unavailable:
        if (held_back := self._seldom.take()) is not None:
            log.warning("hashicorp vault", how=how, held_back=held_back)
        return Unavailable(f"HashiCorp Vault {how}. Stored keys cannot be used until it answers; nothing was changed.")


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
