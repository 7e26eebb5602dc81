"""Sign-in at other houses: journeys there that are still open, and whose an identity from there is."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Column, ForeignKey, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from starkmatter.db.columns import instant_column


class OidcFlow(SQLModel, table=True):
    """One journey to a provider and back, for ten minutes and once. Only hashes of what the browser carries are kept;
    the verifier of PKCE and the nonce are derived from it anew.
    """

    __tablename__ = "oidc_flow"
    __table_args__ = (
        CheckConstraint("purpose IN ('sign_in', 'link', 'register', 'factor')", name="oidc_flow_purpose_known"),
    )

    state_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    browser_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    provider: str
    issuer: str
    purpose: str
    user_id: UUID | None = Field(
        default=None, sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=True)
    )
    invitation_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    next_path: str
    expires_at: datetime = instant_column()


class OidcIdentity(SQLModel, table=True):
    """Who a person is elsewhere: provider, issuer and subject together. `label` is only shown."""

    __tablename__ = "oidc_identity"
    __table_args__ = (UniqueConstraint("provider", "issuer", "subject", name="oidc_identity_key"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(sa_column=Column(ForeignKey("app_user.id", ondelete="CASCADE"), nullable=False, index=True))
    provider: str
    issuer: str
    subject: str
    label: str
    created_at: datetime = instant_column()
    last_used_at: datetime | None = instant_column(nullable=True)
