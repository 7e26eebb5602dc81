"""Passkeys, the challenges that are open, and confirmations of a single action."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


class Passkey(SQLModel, table=True):
    """A public key whose private half never leaves a person's device. `sign_count` goes up, where the device counts."""

    __tablename__ = "passkey"

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False, index=True))
    credential_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sign_count: int = Field(sa_column=Column(BigInteger, nullable=False))
    name: str
    created_at: datetime = instant_column()
    last_used_at: datetime | None = instant_column(nullable=True)


class PasskeyChallenge(SQLModel, table=True):
    """A challenge that waits for its answer. `key` is a hash of what it is for and of the session or attempt it is
    bound to.
    """

    __tablename__ = "passkey_challenge"

    key: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    challenge: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    expires_at: datetime = instant_column()


class Confirmation(SQLModel, table=True):
    """One action a person has confirmed, once, with exactly this content. Only the token's SHA-256 is kept."""

    __tablename__ = "confirmation"

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    session_id: UUID = Field(
        sa_column=Column(ForeignKey("user_session.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    action: str
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    expires_at: datetime = instant_column()
