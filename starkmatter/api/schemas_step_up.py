"""What goes over the wire for step-up and passkeys."""

from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from starkmatter.accounts.passkeys.keys import MAX_NAME_CHARS
from starkmatter.api.schemas import Answer, Instant, Request


class StepUpOut(Answer):
    """What counts as a proof for the caller, and until when the last one does; null when none does now."""

    accepted: list[Literal["passphrase", "code", "passkey"]]
    fresh_until: Instant | None


class Credential(Request):
    """What the browser's `navigator.credentials` answered, in the form of its `toJSON()`."""

    credential: dict[str, Any]


class NewPasskey(Credential):
    name: str = Field(max_length=MAX_NAME_CHARS * 2)


class PasskeyName(Request):
    name: str = Field(max_length=MAX_NAME_CHARS * 2)


class PasskeyOut(Answer):
    id: UUID
    name: str
    created_at: Instant
    last_used_at: Instant | None


class PasskeysOut(Answer):
    """The caller's passkeys, and the address at which they work: null when there is none such here.

    `last_factor` says that a passkey is all that stands beside the passphrase.
    """

    model_config = ConfigDict(from_attributes=True)

    items: list[PasskeyOut]
    origin: str | None
    last_factor: bool
