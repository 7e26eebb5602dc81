"""Coming back from a provider: signed in, linked or registered, by provider, issuer and subject together.

An e-mail address never says who it is. An identity that nobody has linked opens nothing and makes no account, unless an
invitation came along. The second factor of this house is asked also after another's.
"""

from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID, uuid4

import structlog

from starkmatter.accounts import queries as of_accounts
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.factor import check_at_sign_in, is_on
from starkmatter.accounts.oidc import queries
from starkmatter.accounts.oidc.doors import endpoints_of
from starkmatter.accounts.oidc.flows import (
    end_second_step,
    flow_at_second_step,
    keep_for_second_step,
    nonce_of,
    take_flow,
    verifier_of,
)
from starkmatter.accounts.oidc.providers import open_provider
from starkmatter.accounts.oidc.records import Arrival, Brought, Flow, Provider, SignInRefused, Subject
from starkmatter.accounts.passphrase import NO_PASSPHRASE
from starkmatter.accounts.records import Caller, Role
from starkmatter.accounts.sessions import open_session
from starkmatter.accounts.throttle import take_address_try
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Connection

SECOND_STEP = "/login/code"
MOST_IDENTITIES = 10
MAX_CODE_CHARS = 4_096

log = structlog.get_logger("accounts")


@dataclass(frozen=True, slots=True)
class _Person:
    id: UUID
    role: Role
    email: str
    display_name: str


async def arrive(
    b: Backends,
    slug: str,
    brought: Brought,
    *,
    browser: str | None,
    caller: Caller | None,
    ip: str,
    user_agent: str,
) -> Arrival:
    """End a journey. `caller` is who is signed in in this browser, which counts for linking alone.

    SignInRefused when the journey or the proof does not hold, in words for the person; nothing is kept of tokens.
    """
    await take_address_try(b, ip)
    flow = await take_flow(b, slug, browser, brought)
    assert browser is not None
    provider = await open_provider(b, slug)
    subject = await _proven(b, provider, flow, brought, browser)
    if flow.purpose == "link":
        await _link(b, provider, flow, subject, caller)
        return Arrival(flow.next_path)
    if flow.purpose == "register":
        person = await _register(b, provider, flow, subject)
    else:
        person = await _person_of(b, provider, subject)
    if await is_on(b, person.id):
        waits = await keep_for_second_step(b, flow, person.id)
        return Arrival(f"{SECOND_STEP}?next={quote(flow.next_path, safe='/')}", browser=waits)
    return Arrival(flow.next_path, await _open(b, person, ip=ip, user_agent=user_agent))


async def finish_with_code(
    b: Backends, browser: str | None, code: str, *, ip: str, user_agent: str
) -> tuple[Caller, str]:
    """The second step after a provider's: the code of the person's own second factor, then a session's token."""
    await take_address_try(b, ip)
    flow = await flow_at_second_step(b, browser)
    assert browser is not None
    assert flow.user_id is not None
    await check_at_sign_in(b, flow.user_id, code)
    await end_second_step(b, browser)
    person = await b.db.one(_Person, queries.PERSON, (flow.user_id,))
    if person is None:
        raise SignInRefused("This sign-in does not count any more. Begin again.")
    return await _open(b, person, ip=ip, user_agent=user_agent)


async def _proven(b: Backends, provider: Provider, flow: Flow, brought: Brought, browser: str) -> Subject:
    from starkmatter.accounts.oidc.client import redeem
    from starkmatter.accounts.oidc.who import subject_of

    if provider.issuer != flow.issuer:
        raise SignInRefused("An admin has changed this way of signing in meanwhile. Begin again.")
    endpoints = await endpoints_of(b, provider)
    if brought.issuer != provider.issuer and (brought.issuer is not None or endpoints.names_itself):
        raise SignInRefused(f"This answer does not come from {provider.title}. Begin again.", code="other_issuer")
    if brought.error or not 0 < len(brought.code) <= MAX_CODE_CHARS:
        raise SignInRefused(f"{provider.title} did not sign you in. Begin again if you want to.", code="canceled")
    access_token, id_token = await redeem(
        b, provider, endpoints, code=brought.code, verifier=verifier_of(browser, brought.state)
    )
    return await subject_of(
        b,
        provider,
        endpoints,
        access_token=access_token,
        id_token=id_token,
        nonce=nonce_of(browser, brought.state),
        in_full=flow.purpose != "sign_in",
    )


async def _person_of(b: Backends, provider: Provider, subject: Subject) -> _Person:
    key = {"provider": provider.slug, "issuer": provider.issuer, "subject": subject.subject, "now": utc_now()}
    person = await b.db.one(_Person, queries.USE_IDENTITY, key)
    if person is None:
        raise SignInRefused(
            f"Nobody here signs in with this account of {provider.title}. If you are somebody here, sign in as usual "
            "and link it in Settings, Security. If you have an invitation, open it and choose the same button there.",
            code="not_linked",
        )
    return person


async def _link(b: Backends, provider: Provider, flow: Flow, subject: Subject, caller: Caller | None) -> None:
    if caller is None or caller.user_id != flow.user_id:
        raise SignInRefused("Somebody else is signed in in this window by now, or nobody. Sign in and link again.")
    async with b.db.transaction() as connection:
        await connection.execute(queries.LOCK_PERSON, (caller.user_id,))
        has = await (await connection.execute(queries.IDENTITIES, (caller.user_id,))).fetchall()
        if len(has) >= MOST_IDENTITIES:
            raise SignInRefused(f"You have {MOST_IDENTITIES} linked sign-ins. Unlink one that is not needed any more.")
        await _put_identity(connection, provider, subject, caller.user_id)
        await note(connection, caller, "identity.linked", ("person", caller.user_id), after={"provider": provider.slug})
    log.info("sign-in linked", provider=provider.slug, user_id=str(caller.user_id))


async def _register(b: Backends, provider: Provider, flow: Flow, subject: Subject) -> _Person:
    """One transaction: the invitation is used, and the person and their identity are there, or none of it."""
    if not subject.email:
        raise SignInRefused(
            f"{provider.title} names no verified e-mail address of yours. Register with a passphrase; you can link it "
            "afterwards in Settings, Security."
        )
    user_id, now = uuid4(), utc_now()
    async with b.db.transaction() as connection:
        invitation = {"token_hash": flow.invitation_hash, "now": now}
        row = await (await connection.execute(of_accounts.USE_INVITATION, invitation)).fetchone()
        if row is None:
            raise SignInRefused("This invitation was used or is too old. Ask for a new one.")
        person = _Person(user_id, row[0], subject.email, subject.name or subject.email.split("@")[0])
        inserted = await connection.execute(
            of_accounts.INSERT_USER,
            {
                "id": user_id,
                "email": person.email,
                "display_name": person.display_name,
                "role": person.role,
                "passphrase_hash": NO_PASSPHRASE,
                "now": now,
            },
        )
        if inserted.rowcount != 1:
            raise SignInRefused(
                "This address cannot be registered in this way. Register with a passphrase and another address, or "
                "sign in as usual and link it in Settings, Security."
            )
        await _put_identity(connection, provider, subject, user_id)
    log.info("registered by sign-in", provider=provider.slug, user_id=str(user_id))
    return person


async def _put_identity(connection: Connection, provider: Provider, subject: Subject, user_id: UUID) -> None:
    kept = {
        "id": uuid4(),
        "user": user_id,
        "provider": provider.slug,
        "issuer": provider.issuer,
        "subject": subject.subject,
        "label": subject.label,
        "now": utc_now(),
    }
    if await (await connection.execute(queries.PUT_IDENTITY, kept)).fetchone() is None:
        raise SignInRefused(f"This account of {provider.title} cannot be linked: it is linked already.")


async def _open(b: Backends, person: _Person, *, ip: str, user_agent: str) -> tuple[Caller, str]:
    return await open_session(
        b, person.id, person.role, person.email, person.display_name, ip=ip, user_agent=user_agent
    )
