"""The audit log on the wire."""

from typing import Any
from uuid import UUID

from pydantic import Field, field_validator

from starkmatter.api.schemas import Answer, Instant


class AuditOut(Answer):
    """One event. `via`: session, token, visitor, command, job or system; `hash` chains it to the one before, in hex."""

    sequence: int
    at: Instant
    actor_id: UUID | None
    actor_name: str
    via: str
    ip: str
    action: str = Field(examples=["session.opened"])
    subject_type: str
    subject_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str

    @field_validator("hash", mode="before")
    @classmethod
    def _in_hex(cls, value: Any) -> Any:
        return value.hex() if isinstance(value, bytes) else value
