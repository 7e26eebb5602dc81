"""Sends a basket: one action of a person in a browser, each line by the ordinary way and at most once.

A line's key is made of the basket's, so whoever sends the basket again, or at the same time, makes no second order.
Sales go first; a purchase that only their proceeds can pay for waits for them for a few seconds, then until the basket
is sent again. No line goes at a price further from the one that was looked at than the account allows.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.domain.money import plain
from starkmatter.domain.orders import OPEN
from starkmatter.errors import Conflict, NotAllowed, NotFound, Refused, StarkMatterError
from starkmatter.trading.baskets import queries
from starkmatter.trading.baskets.records import Basket, BasketLine, BasketReview
from starkmatter.trading.baskets.reviewing import in_sending_order, review_of
from starkmatter.trading.baskets.service import CHANGED, get_basket, hash_now, key_of, to_change
from starkmatter.trading.guarding.cautions import Unacknowledged, check_codes
from starkmatter.trading.preview import preview_order
from starkmatter.trading.submit import submit_order

SALES_WAIT_SECS = 5.0
LOOK_AGAIN_SECS = 0.2
FOR_SALES = "The sales of this basket have not all filled yet: send it again when they have."


async def send_basket(
    b: Backends,
    caller: Caller,
    basket_id: UUID,
    basket_hash: str,
    acknowledged: Mapping[int, Collection[str]],
    seen: Mapping[int, Decimal],
    *,
    wait_secs: float = SALES_WAIT_SECS,
) -> Basket:
    """Send every line that has no order yet, and say of each what became of it.

    `basket_hash` is that of the basket which was looked at; `acknowledged` the cautions that were read and `seen` the
    prices that the review showed, by the place of their line. Nothing at all is sent, and an error says why, when it is
    another basket by now (Conflict), when something has to be read first (Unacknowledged), when a price has moved
    further since than the account allows its approvals, or no line could go (Refused), or when the caller is a program,
    may only look, or trades elsewhere. Past that, a line that fails says so in its words and the others go on.
    """
    if caller.scopes is not None:
        raise NotAllowed("A program may put a basket together; a person sends it, in a browser.")
    read = {place: check_codes(codes) for place, codes in acknowledged.items()}
    found = await to_change(b, caller, basket_id)
    if found.state == "closed":
        raise Conflict("This basket is closed: nothing more of it is sent.")
    if found.hash != basket_hash:
        raise Conflict(CHANGED, code="basket_changed")
    if found.state == "sent":
        return found
    allowed: Decimal = await b.db.value(queries.DRIFT, (found.head.account_id,))
    prices = _Seen(seen, allowed)
    _may_go(await review_of(b, caller, found), read, prices)
    await _claim(b, caller, found, basket_hash)
    lines = [one for one in in_sending_order(found.lines) if not one.sent]
    for line in lines:
        if line.side == "sell":
            await _send(b, caller, found, line, read, prices)
    buys = [one for one in lines if one.side == "buy"]
    sales = [one.order_id for one in found.lines if one.side == "sell"]
    waits_for_sales = bool(buys and sales) and not await _are_done(b, sales, wait_secs)
    for line in buys:
        await _send(b, caller, found, line, read, prices, FOR_SALES if waits_for_sales else "")
    sent = await get_basket(b, caller, basket_id)
    await note(b, caller, "basket.sent", ("basket", basket_id), after={"hash": basket_hash, "outcome": sent.outcome})
    return sent


@dataclass(frozen=True, slots=True)
class _Seen:
    """Prices by place as they were looked at, and how many percent of them one may have moved since."""

    prices: Mapping[int, Decimal]
    allowed_pct: Decimal

    def moved(self, line: BasketLine, price: Decimal | None) -> str:
        """In words that it has moved too far, or that nobody looked; empty when the line may go at `price`."""
        if price is None:
            return ""  # what has no price is refused as such
        before = self.prices.get(line.place)
        if before is None or before <= 0:
            return f"Nobody has looked at a price of {line.symbol} in this basket: look at it again."
        moved_pct = abs(price - before) / before * 100
        if moved_pct <= self.allowed_pct:
            return ""
        return (
            f"{line.symbol} stood at {before:,.2f} when this was looked at and stands at {price:,.2f}: {moved_pct:.2f}"
            f" % is more than the {plain(self.allowed_pct)} % this account allows. Look at it again."
        )


def _may_go(review: BasketReview, read: Mapping[int, Collection[str]], prices: _Seen) -> None:
    unread = [
        {"place": one.line.place, "code": caution.code, "text": caution.text}
        for one in review.lines
        if one.preview is not None and not one.refusals
        for caution in one.preview.cautions
        if caution.code not in read.get(one.line.place, ())
    ]
    if unread:
        words = " ".join(str(one["text"]) for one in unread)
        raise Unacknowledged(words, details={"warnings": unread})
    going = [one for one in review.lines if one.preview is not None and not one.refusals]
    if moved := [words for one in going if one.preview and (words := prices.moved(one.line, one.preview.est_price))]:
        raise Refused(f"Nothing was sent. {' '.join(moved)}", code="price_moved")
    waiting = [one for one in review.lines if one.preview is not None]
    if all(one.refusals for one in waiting):
        words = " ".join(f"{one.line.symbol}: {' '.join(one.refusals)}" for one in waiting)
        raise Refused(f"No order of this basket could be sent. {words}", code="nothing_to_send")


async def _claim(b: Backends, caller: Caller, found: Basket, basket_hash: str) -> None:
    """From here on its lines stay as they are; only if they still are what was looked at."""
    async with b.db.transaction() as connection:
        row = await (await connection.execute(queries.LOCK, (found.head.id,))).fetchone()
        if row is None:
            raise NotFound("There is no such basket.")
        if row[1] is not None or await hash_now(connection, found) != basket_hash:
            raise Conflict(CHANGED, code="basket_changed")
        asked = {"basket": found.head.id, "user": caller.user_id, "now": utc_now()}
        await connection.execute(queries.MARK_SENT, asked)


async def _send(
    b: Backends,
    caller: Caller,
    basket: Basket,
    line: BasketLine,
    read: Mapping[int, Collection[str]],
    prices: _Seen,
    why_short: str = "",
) -> None:
    """Make the line's order, or note in words why there is none. A line that already has its order is left alone."""
    words = ""
    try:
        seen = await preview_order(b, caller, basket.head.account_id, line.request)
        if seen.refusals:
            words = " ".join([*seen.refusals, why_short]).strip()
        elif not (words := prices.moved(line, seen.est_price)):
            key = key_of(basket.head.id, line.place)
            codes = read.get(line.place, ())
            await submit_order(b, caller, basket.head.account_id, line.request, key, acknowledged=codes)
    except StarkMatterError as error:
        words = error.text
    said = {"basket": basket.head.id, "place": line.place, "words": words, "now": utc_now()}
    await b.db.run(queries.SAY, said)


async def _are_done(b: Backends, order_ids: list[UUID], wait_secs: float) -> bool:
    """Whether none of these orders is open any more, after `wait_secs` at most."""
    until = monotonic_secs() + wait_secs
    while True:
        states = [row[0] for row in await b.db.tuples(queries.STATUSES, (order_ids,))]
        if not any(state in OPEN for state in states):
            return True
        if monotonic_secs() >= until:
            return False
        await asyncio.sleep(LOOK_AGAIN_SECS)
