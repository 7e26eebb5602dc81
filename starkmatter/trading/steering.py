"""Steering the replay: an admin's, and written down, since a new run closes everybody's accounts."""

from typing import Any

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.errors import NotAllowed
from starkmatter.market.records import ReplayStatus
from starkmatter.market.service import steer_replay


async def steer(b: Backends, caller: Caller, **changes: Any) -> ReplayStatus:
    """Change speed, pause, date or seed, as `market.service.steer_replay` takes them. Admins only."""
    if not caller.is_admin:
        raise NotAllowed("Only an admin steers the replay.")
    status = await steer_replay(b.db, b.cache, **changes)
    # The log takes no field that is named like a seed of codes; this one is none, and no secret.
    asked = {"paths" if name == "seed" else name: str(value) for name, value in changes.items() if value is not None}
    if asked:
        await note(b, caller, "replay.steered", after=asked)
    return status
