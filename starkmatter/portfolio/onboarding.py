"""The first start for a person: the owner is made and can trade at once."""

from starkmatter.accounts.records import Caller
from starkmatter.accounts.setup import register_owner
from starkmatter.backends import Backends
from starkmatter.portfolio.opening import ensure_first_account


async def set_up_owner(
    b: Backends,
    *,
    email: str,
    passphrase: str,
    display_name: str,
    setup_token: str | None,
    ip: str,
    user_agent: str,
) -> tuple[Caller, str]:
    """Register the owner (see `register_owner` for what it refuses) and open their practice account."""
    caller, token = await register_owner(
        b,
        email=email,
        passphrase=passphrase,
        display_name=display_name,
        setup_token=setup_token,
        ip=ip,
        user_agent=user_agent,
    )
    await ensure_first_account(b, caller.user_id)
    return caller, token
