"""Live trading of an account of real money: how it stands, on, off, and its limit."""

from uuid import UUID

from fastapi import APIRouter

from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas_guarding import LiveConfirmation, LiveLimit, LiveOut
from starkmatter.api.security import B, Signed
from starkmatter.trading.live.standing import LiveStanding
from starkmatter.trading.live.switch import read_live, set_live_limit, turn_off_live, turn_on_live

router = APIRouter(prefix=API_PREFIX, tags=["Risk"])
PATH = "/accounts/{account_id}/live-trading"


def _told(found: LiveStanding | None, text: str = "") -> LiveOut:
    if found is None:
        return LiveOut(on=False, text=text)
    return LiveOut(
        on=True,
        on_since=found.on_since,
        limit=found.most,
        raises_to=found.raises_to,
        raises_at=found.raises_at,
        day_ordered=found.day_ordered,
        day_limit=found.day_most,
        text=text,
    )


@router.get(PATH)
async def live(account_id: UUID, caller: Signed, b: B) -> LiveOut:
    """Whether orders of real money are sent from here for this account; an account on paper has none."""
    return _told(await read_live(b, caller, account_id))


@router.put(PATH)
async def turn_on(account_id: UUID, body: LiveConfirmation, caller: Signed, b: B) -> LiveOut:
    """Turn it on: its owner alone, in a browser. `confirm` has to be the account's name.

    403 `step_up_required` asks for a second factor; with one given after that the same call goes through.
    """
    found = await turn_on_live(b, caller, account_id, confirm=body.confirm)
    return _told(found, "Live trading is on. Each order above the limit asks for your second factor.")


@router.delete(PATH)
async def turn_off(account_id: UUID, caller: Signed, b: B) -> LiveOut:
    """Turn it off at once, for orders too that wait to be sent."""
    await turn_off_live(b, caller, account_id)
    return _told(None, "Live trading is off.")


@router.put(PATH + "/limit")
async def limit(account_id: UUID, body: LiveLimit, caller: Signed, b: B) -> LiveOut:
    """Up to what an order may be worth without a second factor of its own: lower at once, higher after 24 hours."""
    found = await set_live_limit(b, caller, account_id, body.limit)
    waits = found.raises_to is not None
    return _told(found, "That is higher: it counts in 24 hours, and not before." if waits else "It counts now.")
