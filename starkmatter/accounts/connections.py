"""What a connection to a vendor is made of: its fields, whose it is, what it adds and how it is tested."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from starkmatter.accounts.vault import Secrets
from starkmatter.backends import Backends

Scope = Literal["installation", "person"]
MAX_VALUE_CHARS = 500


@dataclass(frozen=True, slots=True)
class ConnectionField:
    """One thing to enter. A secret one is written only: afterwards its last characters are all that is shown."""

    name: str
    label: str
    secret: bool = True
    required: bool = True
    default: str = ""
    hint: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignInStart:
    """Where the person's browser goes, and what is needed to finish; it is sealed until then."""

    url: str
    keep: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a person signs in at a vendor that wants more than keys.

    `begin` gives the address of the vendor's page; the person brings back something called `answer`, as `words` tell,
    and `finish` makes of it the values named in `keeps` (secret) and `signed_in_until` (an instant in ISO 8601). Both
    raise VendorFailure or InvalidInput in words. A change of a field in `bound_to` ends the sign-in.
    """

    begin: Callable[[Backends, Secrets], Awaitable[SignInStart]]
    finish: Callable[[Backends, Secrets, Mapping[str, str], str], Awaitable[Mapping[str, str]]]
    keeps: frozenset[str]
    bound_to: frozenset[str]
    answer: str
    words: str


@dataclass(frozen=True, slots=True)
class ConnectionKind:
    """One vendor a person (or an admin for all) can connect.

    `adds` is one sentence: what works with it that does not work without. `test` asks the vendor something harmless
    with these secrets and returns what it learned in words; it raises VendorFailure or InvalidInput in words too.
    `check` looks at what was entered before anything is kept, and raises InvalidInput for what must not be.
    `begins` names the job that brings the first of what it adds: it runs as soon as the keys have passed their test.
    `sign_in`: keys alone are not enough there.
    """

    kind: str
    title: str
    scope: Scope
    adds: str
    fields: tuple[ConnectionField, ...]
    test: Callable[[Backends, Secrets], Awaitable[str]]
    where: str = ""
    check: Callable[[Mapping[str, str]], None] | None = None
    begins: str = ""
    sign_in: SignIn | None = None
