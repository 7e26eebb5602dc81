"""The first minute of a person: registered, signed in, and with a practice account to trade on."""

from starkmatter.accounts.records import Caller
from starkmatter.accounts.setup import Newcomer, register_invited, register_owner
from starkmatter.backends import Backends
from starkmatter.portfolio.opening import ensure_first_account


async def welcome_newcomer(
    b: Backends,
    newcomer: Newcomer,
    *,
    setup_token: str | None = None,
    invite_token: str | None = None,
    ip: str,
    user_agent: str,
) -> tuple[Caller, str]:
    """Register with an invitation or, as the owner, with the set-up token; then open the practice account."""
    if invite_token:
        caller, token = await register_invited(b, newcomer, invite_token, ip=ip, user_agent=user_agent)
    else:
        caller, token = await register_owner(b, newcomer, setup_token, ip=ip, user_agent=user_agent)
    await ensure_first_account(b, caller.user_id)
    return caller, token
