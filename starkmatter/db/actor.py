"""Whom the web process works for right now: row-level security lets its statements touch that person's rows only.

Set where somebody is recognized, carried by the task that goes on from there; without it nobody's rows are seen.
"""

from contextvars import ContextVar
from uuid import UUID

NOBODY = ""
_actor: ContextVar[str] = ContextVar("actor", default=NOBODY)


def act_for(user_id: UUID | None) -> None:
    """From here on this task works for that person, or for nobody."""
    _actor.set(NOBODY if user_id is None else str(user_id))


def current_actor() -> str:
    """The person's id as text, or NOBODY."""
    return _actor.get()
