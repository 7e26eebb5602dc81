"""Programs that act for people: API tokens, families of access tokens, refresh tokens and the keys that sign."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


class ApiToken(SQLModel, table=True):
    """What a program signs in with. Only the SHA-256 of its 256 random bits is kept; `hint` is how it begins."""

    __tablename__ = "api_token"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False, index=True))
    token_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    name: str
    hint: str
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    networks: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = instant_column()
    expires_at: datetime = instant_column()
    last_used_at: datetime | None = instant_column(nullable=True)
    last_used_ip: str | None = None
    revoked_at: datetime | None = instant_column(nullable=True)


class TokenFamily(SQLModel, table=True):
    """All access and refresh tokens that descend from one grant; they end together, and with their API token."""

    __tablename__ = "token_family"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    token_id: UUID = Field(sa_column=Column(ForeignKey("api_token.id", ondelete="CASCADE"), nullable=False, index=True))
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = instant_column()
    revoked_at: datetime | None = instant_column(nullable=True)


class RefreshToken(SQLModel, table=True):
    """Brings the next access token, once. A used one is kept to its time, so that its return is noticed."""

    __tablename__ = "refresh_token"

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    family_id: UUID = Field(
        sa_column=Column(ForeignKey("token_family.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    created_at: datetime = instant_column()
    expires_at: datetime = instant_column()
    used_at: datetime | None = instant_column(nullable=True)


class SigningKey(SQLModel, table=True):
    """An Ed25519 key that signs access tokens; one at a time. The private half is sealed for its row."""

    __tablename__ = "signing_key"
    __table_args__ = (
        Index(
            "signing_key_current",
            text("(retired_at IS NULL)"),
            unique=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
    )

    kid: str = Field(primary_key=True)
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    nonce: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    ciphertext: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    key_version: int
    wrapped_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    kek_version: str | None = None
    created_at: datetime = instant_column()
    retired_at: datetime | None = instant_column(nullable=True)
    verifies_until: datetime | None = instant_column(nullable=True)
