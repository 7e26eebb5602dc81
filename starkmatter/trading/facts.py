"""What never changes about an account, kept in memory so that an order costs one database round trip."""

from dataclasses import dataclass
from uuid import UUID

from starkmatter.accounts.records import Caller
from starkmatter.accounts.sharing.service import level_of
from starkmatter.db.database import Database
from starkmatter.domain.orders import AccountKind, AccountMode
from starkmatter.domain.quotes import Venue
from starkmatter.errors import NotAllowed, NotFound
from starkmatter.trading import queries

MAX_KEPT = 4_096
# The broker of an account that is held elsewhere and only kept here.
TRACKED = "tracked"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """Fixed at the account's creation: whose it is, market and broker, paper or live, cash or margin, fill rules."""

    id: UUID
    user_id: UUID
    venue: Venue
    broker: str
    mode: AccountMode
    currency: str
    preset: str
    kind: AccountKind = "cash"

    @property
    def lends(self) -> bool:
        """Whether it borrows money and shares."""
        return self.kind == "margin"


_kept: dict[tuple[int, UUID], AccountFacts] = {}


async def account_facts(db: Database, caller: Caller, account_id: UUID) -> AccountFacts:
    """The facts of an account the caller may trade on.

    NotFound when it is absent or not theirs to see, NotAllowed when it is shared with them to look at only.
    """
    facts = _kept.get((id(db), account_id))
    if facts is None:
        facts = await db.one(AccountFacts, queries.ACCOUNT_FACTS, (account_id,))
        if facts is not None:
            if len(_kept) >= MAX_KEPT:
                _kept.clear()
            _kept[id(db), account_id] = facts
    if facts is None:
        raise NotFound("There is no such account.")
    if facts.user_id != caller.user_id:
        level = await level_of(db, caller, account_id)
        if level is None:
            raise NotFound("There is no such account.")
        if level != "trade":
            raise NotAllowed("This account is shared with you to look at, not to trade on.")
    return facts
