"""What an adapter can do, as data: the settings page, the contract tests and `docs/providers.md` are made from it."""

from dataclasses import dataclass
from typing import Literal

Port = Literal["market data", "identifiers", "exchange rates", "broker", "news", "model", "mail", "sign-in"]


@dataclass(frozen=True, slots=True)
class Capability:
    """One adapter's row. `vendor` is the name people know; `adapter` ours, unique within its port.

    `connection` is the kind of the connection that holds its keys (None: it needs none). `gives` are short nouns,
    `limits` the vendor's own figures with their source's date where they have one, `notes` what a person should know
    before relying on it. `client` names the SDK or library behind the adapter. `classes` are what kinds of symbols a
    source of market data serves, `streams` those of them that its stream tells of.
    """

    port: Port
    adapter: str
    vendor: str
    client: str
    connection: str | None
    gives: tuple[str, ...]
    limits: str
    notes: str
    classes: tuple[str, ...] = ("share", "index")
    streams: tuple[str, ...] = ("share",)
