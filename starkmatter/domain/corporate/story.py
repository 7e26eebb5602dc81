"""Accounts told from their trades and actions in order, and what has to be booked so that the ledger says the same.

Nothing is ever mended in place: what was booked for an action that was told wrongly is taken back by entries with the
other sign, and what should stand is booked anew, also for later actions whose figures rest on it. The net is that of
the right actions alone. Where the trades since do not fit the right actions any more (shares were sold that were never
there), nothing is booked for that account and a sentence says why a person has to look.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from starkmatter.domain.actions import Split
from starkmatter.domain.corporate.positions import Effect, Holder, Key, effect_of
from starkmatter.domain.corporate.terms import (
    CorporateError,
    Delisting,
    SpinOff,
    SymbolChange,
    Told,
    action_words,
    newest,
    ratio_of,
)
from starkmatter.domain.holdings import HoldingState, after_coming, after_fill, after_leaving
from starkmatter.domain.ledger import Booking, Leg
from starkmatter.domain.lots import LotEvent, LotRename, LotSpinOff, LotTrade
from starkmatter.domain.money import ZERO, plain

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Carried:
    """Shares that came (positive) or left (negative) without a trade. `cost` goes along with those that came.

    What goes along with those that left is told by the story: it is their part of what was held on that day.
    """

    id: str
    account: str
    symbol: str
    moved_on: date
    signed_qty: Decimal
    cost: Decimal = ZERO


Moment = Told | LotTrade | Carried


@dataclass(frozen=True, slots=True)
class Story:
    """Where accounts stand after everything. `holdings` by account and symbol; `effects` in the order of days.

    `left` is what the shares of each move out had cost, by its id.

    `problems` has a sentence for each account that a person has to look at: its holdings and effects end where it
    arose and are not to be booked. `lot_events` are for one lot book of all these accounts, in order; none while there
    is a problem, since a split or a name concerns all accounts at once.
    """

    holders: tuple[str, ...]
    holdings: Mapping[Place, HoldingState]
    effects: tuple[Effect, ...]
    lot_events: tuple[LotEvent, ...]
    problems: Mapping[str, str]
    left: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posting:
    """What was written, or is to be, for one action on one account: all of it or, `undoing`, all of it taken back.

    `turn` counts how often the same revision was booked: more than once where something before it was corrected. Key,
    turn and `undoing` together name a posting for ever.
    """

    key: Key
    turn: int
    undoing: bool
    bookings: tuple[Booking, ...]
    why: str


@dataclass(slots=True)
class _Telling:
    holders: Mapping[str, Holder]
    holdings: dict[Place, HoldingState]
    effects: list[Effect] = field(default_factory=list)
    lot_events: list[LotEvent] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    left: dict[str, Decimal] = field(default_factory=dict)

    def fine(self) -> list[Holder]:
        return [one for one in self.holders.values() if one.account not in self.problems]


def tell(
    holders: Sequence[Holder],
    begin: Mapping[Place, HoldingState],
    moments: Sequence[Moment],
    today: date,
    looked_at: Collection[str] = (),
) -> Story:
    """The story of the accounts of one taxpayer from `begin` on, through trades and everything told of actions.

    Days go in order; on its ex-date an action comes before the trades of that day, several in the order given. All
    revisions may be among the moments, the newest of each action counts; one whose day is after `today` (of the
    exchange) has not happened yet. `looked_at` are the ids of trades of which a person has said that their symbol is
    meant. CorporateError when one revision says two things.
    """
    told = [one for one in moments if isinstance(one, Told)]
    trades = [one for one in moments if isinstance(one, LotTrade)]
    telling = _Telling({one.account: one for one in holders}, dict(begin))
    actions = newest(told)
    doubtful = [one for one in trades if one.id not in looked_at]
    for trade, name in _under_names_that_never_were(told, actions, doubtful):
        telling.problems.setdefault(
            trade.account, f"{trade.symbol} was traded on {trade.traded_on} under a name that it never had: {name}."
        )
    days: list[tuple[date, int, Moment]] = [(one.ex_on, 0, one) for one in actions]
    # Trades and moves of one day in the order given.
    days += [
        (one.traded_on if isinstance(one, LotTrade) else one.moved_on, 1, one)
        for one in moments
        if not isinstance(one, Told)
    ]
    for _, _, moment in sorted(days, key=lambda one: one[:2]):
        if isinstance(moment, Told) and moment.ex_on > today:
            telling.effects += [_to_come(moment, one) for one in telling.fine()]
        elif isinstance(moment, Told):
            _act(telling, moment)
        elif isinstance(moment, Carried):
            _carry(telling, moment)
        else:
            _trade(telling, moment)
    return Story(
        tuple(telling.holders),
        telling.holdings,
        tuple(telling.effects),
        () if telling.problems else tuple(telling.lot_events),
        telling.problems,
        telling.left,
    )


def _under_names_that_never_were(
    told: Sequence[Told], actions: Sequence[Told], trades: Sequence[LotTrade]
) -> list[tuple[LotTrade, str]]:
    """Trades under a symbol that a change of names was said to bring, and that no longer stands, with its words."""
    terms = {one.action_id: one.terms for one in actions}
    gone = [one for one in told if isinstance(one.terms, SymbolChange) and not _stands(one, terms[one.action_id])]
    return [
        (trade, action_words(one))
        for one in gone
        if isinstance(one.terms, SymbolChange)
        for trade in trades
        if trade.symbol == one.terms.to_symbol and trade.traded_on >= one.ex_on
    ]


def _stands(one: Told, now: object) -> bool:
    return (
        isinstance(now, SymbolChange) and isinstance(one.terms, SymbolChange) and now.to_symbol == one.terms.to_symbol
    )


def _act(telling: _Telling, told: Told) -> None:
    before = dict(telling.holdings)
    effects = []
    for holder in telling.fine():
        held = {symbol: state for (account, symbol), state in before.items() if account == holder.account}
        try:
            effects.append(effect_of(told, holder, held))
        except CorporateError as error:
            telling.problems[holder.account] = str(error)
    telling.lot_events += _of_all_accounts(told)
    for effect in effects:
        telling.holdings |= {(effect.key.account, symbol): state for symbol, state in effect.after.items()}
        telling.lot_events += effect.trades
        telling.effects.append(effect)


def _to_come(told: Told, holder: Holder) -> Effect:
    """Nothing yet: what an earlier revision had booked for an earlier day is taken back by it."""
    key = Key(told.action_id, told.revision, holder.account)
    return Effect(key, (), {}, (), (), f"{action_words(told)}: that day has not come yet.")


def _of_all_accounts(told: Told) -> list[LotEvent]:
    """What happens to the lots of a symbol wherever they are held, and to losses that wait to be replaced."""
    match told.terms:
        case SymbolChange(other):
            return [LotRename(told.symbol, other)]
        case SpinOff():
            terms = told.terms
            part = (terms.cost_pct or ZERO) / 100
            return [LotSpinOff(told.symbol, terms.to_symbol, terms.numerator, terms.denominator, part)]
        case Delisting() | None:
            return []
    ratio = ratio_of(told.terms)
    return [] if ratio is None else [Split(told.symbol, told.ex_on, *ratio, told.provider)]


def _trade(telling: _Telling, trade: LotTrade) -> None:
    holder = telling.holders.get(trade.account)
    if holder is None or trade.account in telling.problems:
        return
    place = trade.account, trade.symbol
    state = telling.holdings.get(place, HoldingState())
    qty = abs(trade.signed_qty)
    try:
        telling.holdings[place] = after_fill(
            state, "buy" if trade.signed_qty > 0 else "sell", qty, trade.cash, may_short=holder.may_short
        )
    except ValueError:
        telling.problems[trade.account] = (
            f"{plain(qty)} {trade.symbol} were sold on {trade.traded_on} and only {plain(max(state.qty, ZERO))} were "
            "there, as its actions are told now: a person has to look."
        )
        return
    telling.lot_events.append(trade)


def _carry(telling: _Telling, carried: Carried) -> None:
    """Shares come with their cost or leave with their part of it; the lots of both accounts are told elsewhere."""
    holder = telling.holders.get(carried.account)
    if holder is None or carried.account in telling.problems:
        return
    place = carried.account, carried.symbol
    state = telling.holdings.get(place, HoldingState())
    if carried.signed_qty > 0:
        telling.holdings[place] = after_coming(state, carried.signed_qty, carried.cost)
        return
    qty = -carried.signed_qty
    if qty > max(state.qty, ZERO) and not holder.may_short:
        telling.problems[carried.account] = (
            f"{plain(qty)} {carried.symbol} were moved away on {carried.moved_on} and only "
            f"{plain(max(state.qty, ZERO))} were there, as its actions are told now: a person has to look."
        )
        return
    telling.holdings[place], telling.left[carried.id] = after_leaving(state, qty)


def settle(journal: Sequence[Posting], story: Story) -> tuple[Posting, ...]:
    """What is to be written after `journal` so that it says what the story says; empty when it does already.

    What is wrong is taken back newest first, then everything that is missing is booked in the order of days. An account
    with a problem, or that is not in the story, is left as it is, and so is an action of which the story does not tell:
    one that was withdrawn is told as that. `journal` has everything ever written for the actions of the story.
    """
    standing = standing_of(journal)
    accounts = set(story.holders) - set(story.problems)
    wanted = {(one.key.action_id, one.key.account): one for one in story.effects if one.key.account in accounts}
    found: list[Posting] = []
    for place, posted in reversed(standing.items()):
        effect = wanted.get(place)
        if effect is None or effect.bookings == posted.bookings:
            continue
        back = tuple(_taken_back(one) for one in reversed(posted.bookings))
        found.append(Posting(posted.key, posted.turn, True, back, _why(posted, effect)))
    undone = {(one.key.action_id, one.key.account) for one in found}
    for place, effect in wanted.items():
        if effect.bookings and (place not in standing or place in undone):
            turn = 1 + sum(one.key == effect.key and not one.undoing for one in journal)
            found.append(Posting(effect.key, turn, False, effect.bookings, effect.words))
    return tuple(found)


def standing_of(journal: Sequence[Posting]) -> dict[Place, Posting]:
    """What of the journal has not been taken back, by action and account, in the order of writing."""
    found: dict[Place, Posting] = {}
    for one in journal:
        place = one.key.action_id, one.key.account
        if one.undoing:
            found.pop(place, None)
        else:
            found[place] = one
    return found


def _taken_back(booking: Booking) -> Booking:
    """The same entry with the other sign: of the same kind, so that whoever sums up by kind sums up to nothing."""
    legs = tuple(Leg(leg.account, leg.commodity, -leg.amount) for leg in booking.legs)
    return Booking(booking.kind, f"Taken back: {booking.description}", legs)


def _why(posted: Posting, effect: Effect) -> str:
    if effect.key.revision == posted.key.revision:
        return "Something before it was corrected."
    if not effect.bookings:
        return f"Revision {effect.key.revision}: {effect.words}"
    return f"Revision {effect.key.revision} says otherwise: {effect.words}"


def balances_of(postings: Sequence[Posting]) -> dict[tuple[str, str, str], Decimal]:
    """What the postings move, by account, ledger account and commodity; what nets to nothing is left out."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for posting in postings:
        for booking in posting.bookings:
            for leg in booking.legs:
                place = posting.key.account, leg.account, leg.commodity
                sums[place] = sums.get(place, ZERO) + leg.amount
    return {place: amount for place, amount in sums.items() if amount}
