"""People, their sessions and the one-time set-up token. Secrets are stored as hashes only."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column, reference_column


class AppUser(SQLModel, table=True):
    """One person. `email` is unique without regard to case; no `base_currency`: that of the first account."""

    __tablename__ = "app_user"
    __table_args__ = (
        Index("app_user_email_key", text("lower(email)"), unique=True),
        CheckConstraint("base_currency ~ '^[A-Z]{3}$'", name="app_user_base_currency_is_one"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    email: str
    display_name: str
    role: str
    passphrase_hash: str
    appearance: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    created_at: datetime = instant_column()
    disabled_at: datetime | None = instant_column(nullable=True)
    base_currency: str | None = None


class UserSession(SQLModel, table=True):
    """One sign-in. Only the SHA-256 of the 256-bit token is kept; the token changes when the person proves again who
    they are, which is what `proven_at` remembers; `former_token_hash` is that of the one before. `factor_at` is when it
    last saw a second factor that nothing has used up.
    """

    __tablename__ = "user_session"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = reference_column("app_user.id", index=True)
    token_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    former_token_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    created_at: datetime = instant_column()
    last_seen_at: datetime = instant_column()
    expires_at: datetime = instant_column()
    ip: str
    user_agent: str
    revoked_at: datetime | None = instant_column(nullable=True)
    proven_at: datetime | None = instant_column(nullable=True)
    factor_at: datetime | None = instant_column(nullable=True)


class SetupToken(SQLModel, table=True):
    """The link that makes the first owner: single use."""

    __tablename__ = "setup_token"

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    created_at: datetime = instant_column()
    used_at: datetime | None = instant_column(nullable=True)


class VaultSecret(SQLModel, table=True):
    """The sealed keys of one connection, of a person or (no owner) of the installation."""

    __tablename__ = "vault_secret"
    __table_args__ = (
        UniqueConstraint("kind", "owner_id", name="vault_secret_key", postgresql_nulls_not_distinct=True),
    )

    id: UUID = Field(primary_key=True)
    kind: str
    owner_id: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=True)
    )
    nonce: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    ciphertext: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    key_version: int
    wrapped_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    kek_version: str | None = None
    hints: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    updated_at: datetime = instant_column()
    tested_at: datetime | None = instant_column(nullable=True)
    tested_ok: bool | None = None
    tested_text: str = Field(default="", sa_column_kwargs={"server_default": ""})


class UserTotp(SQLModel, table=True):
    """A person's second factor: the sealed seed, the last accepted time step, and how often it was tried this hour."""

    __tablename__ = "user_totp"

    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True))
    nonce: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    ciphertext: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    key_version: int
    wrapped_key: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    kek_version: str | None = None
    last_step: int = Field(sa_column=Column(BigInteger, nullable=False))
    tries: int
    tries_since: datetime = instant_column()
    created_at: datetime = instant_column()
    confirmed_at: datetime | None = instant_column(nullable=True)


class RecoveryCode(SQLModel, table=True):
    """Stands in for the second factor once. Only its SHA-256 is kept; it has 160 random bits."""

    __tablename__ = "recovery_code"

    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True))
    code_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    created_at: datetime = instant_column()
    used_at: datetime | None = instant_column(nullable=True)


class Invitation(SQLModel, table=True):
    """A link that lets one more person in, once, with that role."""

    __tablename__ = "invitation"

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    role: str
    created_by: UUID = reference_column("app_user.id")
    created_at: datetime = instant_column()
    expires_at: datetime = instant_column()
    used_at: datetime | None = instant_column(nullable=True)


class SignInTry(SQLModel, table=True):
    """How often a sign-in was tried under a key (the hash of an account's, a device's or a network's name)."""

    __tablename__ = "sign_in_try"

    key: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    tries: int
    next_at: datetime = instant_column()
    updated_at: datetime = instant_column()


class KnownDevice(SQLModel, table=True):
    """A browser somebody has signed in with. Only the SHA-256 of its token is kept."""

    __tablename__ = "known_device"

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), primary_key=True))
    seen_at: datetime = instant_column()


class PassphraseReset(SQLModel, table=True):
    """A link that sets a new passphrase, once. `created_by` is the admin who made it; nobody when it was mailed."""

    __tablename__ = "passphrase_reset"

    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False, index=True))
    created_by: UUID | None = reference_column("app_user.id", nullable=True)
    created_at: datetime = instant_column()
    expires_at: datetime = instant_column()
    used_at: datetime | None = instant_column(nullable=True)
