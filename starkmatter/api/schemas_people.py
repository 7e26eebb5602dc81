"""What goes over the wire about people: signing in, proofs, sessions, invitations and vendors' keys."""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from starkmatter.api.schemas import MAX_TEXT, Answer, Instant, Passphrase, Request


class Register(Request):
    email: str = Field(max_length=254)
    password: Passphrase
    display_name: str = Field(max_length=MAX_TEXT)
    setup_token: str | None = Field(None, max_length=MAX_TEXT)
    invite_token: str | None = Field(None, max_length=MAX_TEXT)


class Login(Request):
    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254)
    password: Passphrase
    totp: str | None = Field(None, max_length=64)


class Proof(Request):
    """The passphrase again (and a code, where the second factor is on) before anything about sign-in changes."""

    model_config = ConfigDict(extra="forbid")

    password: Passphrase
    totp: str = Field("", max_length=64)


class NewPassphrase(Proof):
    """The present passphrase and the one that takes its place."""

    new_password: Passphrase


class Forgotten(Request):
    email: str = Field(max_length=254)


class Reset(Request):
    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=MAX_TEXT)
    password: Passphrase


class ResetLinkFor(Request):
    user_id: UUID


class Code(Request):
    code: str = Field(max_length=64)


class FactorOut(Answer):
    on: bool
    recovery_codes_left: int


class EnrollmentOut(Answer):
    """`qr_image` is the otpauth address as a drawing, made here: a data address of an SVG."""

    secret: str
    otpauth_uri: str
    qr_image: str


class RecoveryCodes(Answer):
    recovery_codes: list[str]


class PersonOut(Answer):
    id: UUID
    email: str
    display_name: str
    role: str
    created_at: Instant
    disabled_at: Instant | None
    has_second_factor: bool
    last_seen_at: Instant | None


class PersonChange(Request):
    role: str | None = Field(None, max_length=20)
    disabled: bool | None = None


class Invite(Request):
    role: str = Field(max_length=20)


class Link(Answer):
    """`text` is what to tell whoever asked."""

    link: str
    text: str


class Said(Answer):
    text: str


class ConnectionFieldOut(Answer):
    name: str
    label: str
    secret: bool
    required: bool
    default: str
    hint: str
    choices: list[str]


class SignInOut(Answer):
    """Whether the person is signed in at the vendor (`none`, `signed_in`, `ended`) and what to bring back from it."""

    state: str
    until: Instant | None
    answer: str
    words: str


class SignInPage(Answer):
    """The vendor's own page, for the person's browser."""

    location: str


class SignInAnswer(Request):
    """What the vendor gave the person: the address they ended at, or a code."""

    answer: str = Field(max_length=2_000)


class ConnectionOut(Answer):
    """A vendor that can be connected; `hints` shows what is kept, secrets by their last characters only."""

    kind: str
    title: str
    scope: str
    adds: str
    where: str
    fields: list[ConnectionFieldOut]
    connected: bool
    hints: dict[str, str]
    updated_at: Instant | None
    tested_at: Instant | None
    tested_ok: bool | None
    tested_text: str
    sign_in: SignInOut | None


class ConnectionValues(Request):
    values: dict[str, Annotated[str, Field(max_length=2_000)]] = Field(max_length=20)


class TestOut(Answer):
    ok: bool
    text: str


class Me(Answer):
    user_id: UUID
    email: str
    display_name: str
    role: str


class MyProfile(Me):
    """`base_currency` is the one in which all accounts are shown together."""

    base_currency: str


class Profile(Request):
    """What of it is to change; what is left out stays."""

    display_name: str | None = Field(None, max_length=MAX_TEXT)
    base_currency: str | None = Field(None, max_length=3)


class SessionOut(Answer):
    id: UUID
    created_at: Instant
    last_seen_at: Instant
    expires_at: Instant
    ip: str
    user_agent: str
    current: bool = False
