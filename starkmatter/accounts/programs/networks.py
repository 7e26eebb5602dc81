"""From where a token may be used: a list of IPv4 and IPv6 networks; an empty list admits every address."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network

from starkmatter.errors import InvalidInput, NotAllowed

MOST_NETWORKS = 20


def checked_networks(texts: Sequence[str]) -> list[str]:
    """The same in the usual form, without repeats; InvalidInput names the one that is none."""
    found = dict.fromkeys(_network(text) for text in (part.strip() for part in texts) if text)
    if len(found) > MOST_NETWORKS:
        raise InvalidInput(f"At most {MOST_NETWORKS} addresses and networks per token.")
    return list(found)


def _network(text: str) -> str:
    try:
        wide = ip_network(text, strict=False)
    except ValueError:
        raise InvalidInput(
            f"“{text[:60]}” is no address or network. Write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32."
        ) from None
    try:
        return str(ip_network(text))
    except ValueError:
        raise InvalidInput(f"“{text[:60]}” is an address within a network. Write {wide} for all of it.") from None


def check_address(networks: Sequence[str], address: str) -> None:
    """NotAllowed when the list is not empty and the address is in none of its networks."""
    if networks and not _is_in(networks, address):
        raise NotAllowed(f"This token may not be used from the address {address[:64]}.", code="token_address")


def _is_in(networks: Sequence[str], address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in ip_network(network) for network in networks)
