"""API tokens of the caller and, for admins, of everybody; grants of access tokens; the public keys that check them."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from starkmatter.accounts.programs import tokens
from starkmatter.accounts.programs.grants import begin_family, refresh_family
from starkmatter.accounts.programs.signing_keys import public_keys
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_programs import GrantOut, GrantWish, NewToken, NewTokenOut, PersonsTokenOut, TokenOut
from starkmatter.api.security import B, SameSite, Signed, client_ip
from starkmatter.clock import utc_now

JWKS_KEPT_SECS = 300

router = APIRouter(prefix=API_PREFIX, tags=["Programs"])
well_known = APIRouter(include_in_schema=False)


@router.get("/tokens")
async def own_tokens(caller: Signed, b: B) -> Page[TokenOut]:
    """The caller's API tokens, the newest first."""
    return Page(items=[TokenOut.model_validate(one) for one in await tokens.list_tokens(b, caller)])


@router.post("/tokens", status_code=201)
async def new_token(body: NewToken, caller: Signed, b: B) -> NewTokenOut:
    """A new API token, shown this once."""
    token_id, text = await tokens.make_token(
        b,
        caller,
        name=body.name,
        scopes=body.scopes,
        expires_days=body.expires_days,
        networks=body.networks,
    )
    return NewTokenOut(id=token_id, token=text)


@router.delete("/tokens/{token_id}", status_code=204)
async def revoke(token_id: UUID, caller: Signed, b: B) -> None:
    """Shut out one of the caller's programs, at once."""
    await tokens.revoke_token(b, caller, token_id)


@router.get("/admin/tokens")
async def everybodys_tokens(caller: Signed, b: B) -> Page[PersonsTokenOut]:
    """Everybody's API tokens, for admins."""
    return Page(items=[PersonsTokenOut.model_validate(one) for one in await tokens.list_all_tokens(b, caller)])


@router.delete("/admin/tokens/{token_id}", status_code=204)
async def revoke_anybodys(token_id: UUID, caller: Signed, b: B) -> None:
    """Shut out somebody's program, at once; the owner's are the owner's own to revoke."""
    await tokens.revoke_any_token(b, caller, token_id)


@router.post("/auth/token", dependencies=[SameSite])
async def grant(body: GrantWish, request: Request, b: B) -> GrantOut:
    """An access token for ten minutes and the refresh token for the next one.

    A refresh token counts once. One that comes again ends its whole family: begin anew with the API token.
    """
    ip = client_ip(request, b.settings)
    if body.grant_type == "api_token":
        return GrantOut.model_validate(await begin_family(b, body.api_token, body.scope, ip))
    return GrantOut.model_validate(await refresh_family(b, body.refresh_token, ip))


@well_known.get("/.well-known/jwks.json")
async def jwks(response: Response, b: B) -> dict[str, list[dict[str, str]]]:
    """The public halves of the keys that sign access tokens (RFC 7517)."""
    response.headers["cache-control"] = f"public, max-age={JWKS_KEPT_SECS}"
    return {"keys": await public_keys(b.db, utc_now())}
