"""What goes over the wire about accounts that are shared."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Instant, Request


class ShareWith(Request):
    """Who is let in, and how far."""

    email: str = Field(min_length=3, max_length=254)
    level: Literal["view", "trade"]


class ShareOut(Answer):
    account_id: UUID
    user_id: UUID
    display_name: str
    email: str
    level: str
    created_at: Instant
