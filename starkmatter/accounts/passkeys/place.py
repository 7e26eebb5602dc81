"""Where passkeys belong: the exact public address. A browser offers them there and nowhere else."""

import asyncio
import ipaddress
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from urllib.parse import urlsplit

from starkmatter.errors import InvalidInput
from starkmatter.settings import Settings

NAME = "StarkMatter"


@dataclass(frozen=True, slots=True)
class Place:
    """The relying party: its id is the host's name, its origin the whole address."""

    id: str
    origin: str


def find_place(settings: Settings) -> Place | None:
    """Where passkeys work here; None when nowhere: they want a name, and https unless it is this machine."""
    parts = urlsplit(settings.browser_url)
    host = parts.hostname or ""
    if _is_number(host) or not (parts.scheme == "https" or host == "localhost"):
        return None
    return Place(host, settings.browser_url)


def place_of(settings: Settings) -> Place:
    """The same; InvalidInput where there is none."""
    place = find_place(settings)
    if place is None:
        raise InvalidInput(
            f"Passkeys work on https under a name, or on localhost; this installation's address is "
            f"{settings.browser_url}.",
            code="no_passkeys_here",
        )
    return place


async def webauthn() -> ModuleType:
    """The library, loaded with the first passkey: it brings 16 MB."""
    return await asyncio.to_thread(import_module, "webauthn")


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
