"""The second factor: time-based one-time codes (RFC 6238), each used once, and recovery codes for a lost phone.

The seed is sealed in the database. A code counts for its own half minute and the one before and after, by our clock
only; the last accepted step is moved by compare-and-set, so of two submissions of one code one is refused.
"""

import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pyotp

from starkmatter.accounts import queries
from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.passphrase import verify_passphrase
from starkmatter.accounts.records import Caller
from starkmatter.accounts.sealing.envelope import Sealed, columns, seal, unseal
from starkmatter.accounts.sealing.places import totp_place
from starkmatter.accounts.sessions import revoke_other_sessions
from starkmatter.accounts.throttle import forgive, person_key, take_try
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import Conflict, InvalidInput, NotAllowed, NotSignedIn, StarkMatterError

STEP_SECS = 30
WINDOW_STEPS = 1
TRIES_PER_HOUR = 10
RECOVERY_CODES = 10
RECOVERY_BYTES = 20
ISSUER = "StarkMatter"
VISITOR = Actor("visitor")


class SecondFactorNeeded(StarkMatterError):
    """The passphrase is right; the code of the second factor is still to come."""

    status = 428
    code = "totp_required"
    title = "One more step"


@dataclass(frozen=True, slots=True)
class FactorState:
    """Whether the second factor is on, and how many recovery codes are left."""

    on: bool
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What an authenticator app needs, once: the secret in base32 and the same as an otpauth address."""

    secret: str
    otpauth_uri: str


@dataclass(frozen=True, slots=True)
class _Row(Sealed):
    confirmed_at: datetime | None


async def factor_state(b: Backends, caller: Caller) -> FactorState:
    """How the caller's second factor stands."""
    on = await is_on(b, caller.user_id)
    left = int(await b.db.value(queries.RECOVERY_CODES_LEFT, (caller.user_id,)))
    return FactorState(on, left if on else 0)


async def is_on(b: Backends, user_id: UUID) -> bool:
    """Whether this person signs in with two factors."""
    row = await b.db.one(_Row, queries.TOTP, (user_id,))
    return row is not None and row.confirmed_at is not None


async def enroll(b: Backends, caller: Caller) -> Enrollment:
    """Begin: a new secret, which counts only after `confirm`. Conflict when the second factor is on already."""
    secret = pyotp.random_base32()
    sealed = await seal(b.settings, secret.encode(), totp_place(caller.user_id))
    kept = await b.db.value(queries.PUT_TOTP, {"user": caller.user_id, **columns(sealed), "now": utc_now()})
    if kept is None:
        raise Conflict("The second factor is on. Turn it off first.", code="totp_on")
    return Enrollment(secret, pyotp.TOTP(secret).provisioning_uri(name=caller.email, issuer_name=ISSUER))


async def confirm(b: Backends, caller: Caller, code: str) -> list[str]:
    """Turn it on with a first code: the recovery codes, shown this once. The caller's other sessions end."""
    if await is_on(b, caller.user_id):
        raise Conflict("The second factor is on already.", code="totp_on")
    if not await _accepts(b, caller.user_id, code):
        raise InvalidInput("This code does not fit. Check the clock of your phone and take the next one.")
    if not await b.db.run(queries.CONFIRM_TOTP, {"user": caller.user_id, "now": utc_now()}):
        raise Conflict("The second factor is on already.", code="totp_on")
    codes = await _new_recovery_codes(b, caller.user_id)
    await note(b, caller, "factor.turned_on", ("person", caller.user_id))
    await revoke_other_sessions(b, caller)
    return codes


async def renew_recovery_codes(b: Backends, caller: Caller) -> list[str]:
    """Ten new recovery codes; the former ones are worth nothing any more. Conflict when there is no second factor."""
    if not await is_on(b, caller.user_id):
        raise Conflict("The second factor is off. Turn it on first.", code="totp_off")
    codes = await _new_recovery_codes(b, caller.user_id)
    await note(b, caller, "factor.codes_renewed", ("person", caller.user_id))
    return codes


async def turn_off(b: Backends, caller: Caller) -> None:
    """Sign in with the passphrase alone again. The caller's other sessions end."""
    async with b.db.transaction() as connection:
        await connection.execute(queries.DROP_TOTP, (caller.user_id,))
        await connection.execute(queries.DROP_RECOVERY_CODES, (caller.user_id,))
        await note(connection, caller, "factor.turned_off", ("person", caller.user_id))
    await revoke_other_sessions(b, caller)


async def check_at_sign_in(b: Backends, user_id: UUID, code: str | None, by: Actor = VISITOR) -> None:
    """After the passphrase: nothing when no second factor is on, else the code (or a recovery code) must fit.

    Raises SecondFactorNeeded without a code and NotSignedIn with a wrong or used one.
    """
    if not await is_on(b, user_id):
        return
    if not code or not code.strip():
        raise SecondFactorNeeded("Enter the six digits of your authenticator app, or a recovery code.")
    if not await _accepts(b, user_id, code, recovery_by=by):
        raise NotSignedIn("This code does not fit, or it was used before.", code="wrong_code")


async def prove(b: Backends, caller: Caller, passphrase: str, code: str | None) -> bool:
    """Be sure that it is still the same person: the passphrase, and a code where the second factor is on.

    True when a code was part of it.

    Raises NotAllowed when one of them is wrong, SecondFactorNeeded when the code is missing, TooMany while tries are
    paused.
    """
    key = person_key(caller.user_id)
    await take_try(b, key)
    stored = await b.db.value(queries.PASSPHRASE_HASH, (caller.user_id,))
    if not await verify_passphrase(passphrase, stored):
        await note(b, caller, "proof.refused", ("person", caller.user_id), after={"why": "wrong passphrase"})
        raise NotAllowed("The passphrase is not right.", code="wrong_credentials")
    await forgive(b, key)
    if not await is_on(b, caller.user_id):
        return False
    if not code or not code.strip():
        raise SecondFactorNeeded("Enter the six digits of your authenticator app, or a recovery code.")
    if not await _accepts(b, caller.user_id, code, recovery_by=caller):
        await note(b, caller, "proof.refused", ("person", caller.user_id), after={"why": "wrong code"})
        raise NotAllowed("This code does not fit, or it was used before.", code="wrong_code")
    return True


async def _accepts(b: Backends, user_id: UUID, code: str, *, recovery_by: Caller | Actor | None = None) -> bool:
    """Whether the code is good, which uses it up. At most ten wrong ones an hour are looked at.

    A recovery code counts when it is said who uses it.
    """
    text = "".join(code.split()).replace("-", "").upper()
    now = utc_now()
    took = {"user": user_id, "now": now, "hour_ago": now - timedelta(hours=1), "most": TRIES_PER_HOUR}
    if await b.db.value(queries.TAKE_TRY, took) is None:
        raise NotAllowed("Too many codes were tried. Wait an hour, then try again.", code="too_many_tries")
    if recovery_by is not None and len(text) > 6:
        async with b.db.transaction() as connection:
            used = {"user": user_id, "hash": _hash(text), "now": now}
            good = (await connection.execute(queries.USE_RECOVERY_CODE, used)).rowcount == 1
            if good:
                await note(connection, recovery_by, "factor.recovery_code_used", ("person", user_id))
        return good
    row = await b.db.one(_Row, queries.TOTP, (user_id,))
    if row is None or not (len(text) == 6 and text.isascii() and text.isdigit()):
        return False
    secret = (await unseal(b.settings, row, totp_place(user_id))).decode()
    step = _matching_step(secret, text, now)
    return step is not None and await b.db.run(queries.USE_STEP, {"user": user_id, "step": step}) == 1


def _matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is; every step of the window is compared, so the time tells nothing."""
    totp, present = pyotp.TOTP(secret, interval=STEP_SECS), int(now.timestamp()) // STEP_SECS
    fitting = [
        step
        for step in range(present - WINDOW_STEPS, present + WINDOW_STEPS + 1)
        if secrets.compare_digest(totp.generate_otp(step), code)
    ]
    return fitting[-1] if fitting else None


async def _new_recovery_codes(b: Backends, user_id: UUID) -> list[str]:
    codes = [b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    async with b.db.transaction() as connection:
        await connection.execute(queries.DROP_RECOVERY_CODES, (user_id,))
        await connection.execute(
            queries.PUT_RECOVERY_CODES, {"user": user_id, "hashes": [_hash(code) for code in codes], "now": utc_now()}
        )
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def _hash(code: str) -> bytes:
    return sha256(code.encode()).digest()
