"""An account of real money at a stand-in, and its owner with an authenticator app."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
import pytest

from starkmatter.accounts import factor
from starkmatter.accounts.passphrase import hash_passphrase
from starkmatter.accounts.sessions import open_session
from starkmatter.accounts.step_up import step_up
from starkmatter.clock import utc_now
from starkmatter.trading.live.switch import turn_on_live
from tests.trading.broker_desk import BrokerSeat

PASSPHRASE = "a long passphrase of somebody"
NAME = "Real"


@dataclass
class Owner:
    """Proves who they are, each time with another code."""

    seat: BrokerSeat
    secret: str
    ahead: timedelta

    def code(self) -> str:
        self.ahead += timedelta(seconds=30)
        return pyotp.TOTP(self.secret).at(self.clock())

    def clock(self) -> datetime:
        return utc_now() + self.ahead

    async def prove(self, code: str = "") -> str:
        """A passphrase and a code, as the dialog sends them; the code."""
        used = code or self.code()
        await step_up(self.seat.b, self.seat.caller, PASSPHRASE, used)
        return used

    async def turn_on(self) -> None:
        await self.prove()
        await turn_on_live(self.seat.b, self.seat.caller, self.seat.account_id, confirm=NAME)


async def make_owner(seat: BrokerSeat, monkeypatch: pytest.MonkeyPatch, *, with_factor: bool = True) -> Owner:
    """The seat's person signed in, with a passphrase and, unless told otherwise, a second factor."""
    b = seat.b
    hashed = await hash_passphrase(PASSPHRASE)
    await b.db.run("UPDATE app_user SET passphrase_hash = %s WHERE id = %s", (hashed, seat.caller.user_id))
    await b.db.run("UPDATE account SET name = %s WHERE id = %s", (NAME, seat.account_id))
    caller, _ = await open_session(
        b, seat.caller.user_id, "trader", seat.caller.email, "x", ip="test", user_agent="test"
    )
    seat.caller = caller
    owner = Owner(seat, "", timedelta())
    monkeypatch.setattr(factor, "utc_now", owner.clock)
    if with_factor:
        owner.secret = (await factor.enroll(b, caller)).secret
        await factor.confirm(b, caller, owner.code())
    return owner
