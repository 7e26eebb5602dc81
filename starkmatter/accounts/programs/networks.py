"""From where a token may be used: a list of IPv4 and IPv6 networks; an empty list admits every address."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network

from starkmatter.errors import InvalidInput, NotAllowed

MOST_NETWORKS = 20


def checked_networks(texts: Sequence[str]) -> list[str]:
    """The same in the usual form, without repeats; InvalidInput names the one that is none."""
    found: dict[str, None] = {}
    for text in filter(None, (part.strip() for part in texts)):
        try:
            found[str(ip_network(text))] = None
        except ValueError:
            raise InvalidInput(
                f"networks: “{text[:60]}” is no address or network. Write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32."
            ) from None
    if len(found) > MOST_NETWORKS:
        raise InvalidInput(f"networks: {MOST_NETWORKS} at most.")
    return list(found)


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
