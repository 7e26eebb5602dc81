"""Which accounts are looked at together, and in which currency.

A book is one account, or all of a person's own open ones of a market: the replay and the market of today have two
clocks and are never in one book. Accounts of former runs and closed ones are none of it.
"""

from dataclasses import dataclass
from uuid import UUID

from starkmatter.accounts.profile import get_base_currency
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.domain.fx import BOOK_CURRENCIES
from starkmatter.domain.quotes import Venue
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.portfolio import queries
from starkmatter.portfolio.accounts import get_account
from starkmatter.portfolio.records import AccountRow, AccountView
from starkmatter.portfolio.valuation import value_accounts

ALL = "All accounts"
VENUE_NAMES: dict[Venue, str] = {"replay": "replay market", "market": "market of today"}
BOTH_VENUES = (
    "You have accounts on both markets, and a book never mixes their two clocks: say venue=replay or venue=market."
)


@dataclass(frozen=True, slots=True)
class Book:
    """Accounts, newest first, that are summed in `currency`. `together`: all of a person's own, else just one.

    `missing` says what a reader should know of what is in it.
    """

    accounts: list[AccountView]
    venue: Venue
    currency: str
    together: bool
    missing: list[str]

    @property
    def account_id(self) -> UUID | None:
        return None if self.together else self.accounts[0].id

    @property
    def name(self) -> str:
        return ALL if self.together else self.accounts[0].name

    @property
    def noun(self) -> str:
        return "book" if self.together else "account"

    @property
    def converts(self) -> bool:
        """Whether its values are not simply those of the one account."""
        return self.together or self.currency != self.accounts[0].currency


async def find_book(
    b: Backends,
    caller: Caller,
    account_id: UUID | None,
    *,
    currency: str | None = None,
    venue: Venue | None = None,
) -> Book:
    """The account's book, or that of all the caller's own open accounts of a market when `account_id` is None.

    `currency` is that of the account, or the person's base currency, unless given; `venue` may be left out by whoever
    has accounts on one market only. InvalidInput for a currency that books cannot be shown in, NotFound for an account
    that is not the caller's to see and where there is none.
    """
    chosen = (currency or "").strip().upper() or None
    if chosen is not None and chosen not in BOOK_CURRENCIES:
        raise InvalidInput(f"currency: one of {', '.join(BOOK_CURRENCIES)}.")
    if account_id is not None:
        account = await get_account(b, caller, account_id)
        return Book([account], account.venue, chosen or account.currency, False, [])
    rows = await b.db.all(AccountRow, queries.ACCOUNTS, {"user": caller.user_id})
    own = [row for row in rows if row.access == "own" and not row.read_only]
    venues = {row.venue for row in own}
    if venue is None and len(venues) > 1:
        raise InvalidInput(BOTH_VENUES)
    there = [row for row in own if venue is None or row.venue == venue]
    if not there:
        raise NotFound("You have no open account of your own" + (f" on the {VENUE_NAMES[venue]}." if venue else "."))
    accounts = await value_accounts(b, caller, there)
    base = chosen or await get_base_currency(b, caller)
    return book_of(accounts, base)


def book_of(accounts: list[AccountView], currency: str) -> Book:
    """These accounts of one market together, in `currency`."""
    return Book(accounts, accounts[0].venue, currency, True, _mixed(accounts))


def _mixed(accounts: list[AccountView]) -> list[str]:
    paper = [one.name for one in accounts if one.mode == "paper"]
    if not paper or len(paper) == len(accounts):
        return []
    return [
        f"Paper money and real money are summed here: {', '.join(paper)} {'is' if len(paper) == 1 else 'are'} on paper."
    ]
