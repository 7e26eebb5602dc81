"""Carries one account's orders to its broker, effectively once (SAFETY A.3), and back what becomes of them.

An order is claimed, and the claim committed, before anything is sent; it carries an id derived from ours. Whatever is
not a certain answer leaves it `unknown`: it is looked for by that id, and only when the broker says four times that it
has no such order is it sent again, with the same id, if it is still young enough to be what the person wanted. A broker
that does not keep our ids is never sent an order twice: one that it does not have ends there, and a person decides.
What certainly never left this machine is in no doubt: it goes back to where it was and waits until the line is open.
A group goes out as one: its first order is claimed, sent, looked for and given up for all that belong to it.
An order of a live account is sent only when it was allowed and live trading is still on, asked once more here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.db.database import Connection
from starkmatter.domain.orders import TERMINAL, OrderStatus
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import StarkMatterError
from starkmatter.trading import broker_queries
from starkmatter.trading.brokered import BrokeredOrder, client_order_id, group_request
from starkmatter.trading.guarding.checking import stopped
from starkmatter.trading.halves import ask_back_the_rest
from starkmatter.trading.live.standing import live_refusal
from starkmatter.trading.order_steps import Claimed, announce, announce_all, claim, lock_members, move, still_claimed
from starkmatter.trading.ports import Broker, BrokerOrder, CancelRefused, OrderRefused, OrderUnsent, SeveralAlike
from starkmatter.trading.reports import apply_report, lock_order

PART_GONE = "A part of the group was taken back before it was sent: none of it was ordered."
TAKEN_BACK = "Canceled before it was sent."
UNSENT = {OrderStatus.SUBMITTING, OrderStatus.UNKNOWN}

log = structlog.get_logger("broker")


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the desk is. Tests hurry it.

    `look_after_secs`: when an order in doubt is looked for, counted from when it was claimed; the first is also the
    least time between two looks. The operator chooses it, else it is what the settings begin with.
    """

    look_after_secs: tuple[float, ...]
    market_valid: timedelta = timedelta(seconds=15)
    other_valid: timedelta = timedelta(seconds=60)
    young: timedelta = timedelta(seconds=5)
    settle_secs: float = 1.0
    check_every_secs: float = 60.0
    apart_every_secs: float = 10.0
    reconnect_secs: tuple[float, float] = (1.0, 30.0)
    accounts_every_secs: float = 1.0
    poll_secs: float = 0.5
    retry_secs: float = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """One row of the outbox of this account."""

    kind: str
    order_id: UUID
    first_id: UUID
    status: str
    broker_order_id: str | None
    look_at: datetime | None


class OrderDesk:
    """The sending half of one account's desk. `confirm` returns only while this worker leads."""

    def __init__(
        self, b: Backends, account_id: UUID, broker: Broker, confirm: Callable[[], Awaitable[None]], pace: Pace
    ) -> None:
        self._b = b
        self._account_id = account_id
        self._broker = broker
        self._confirm = confirm
        self._pace = pace
        self._closed_until_secs = float("-inf")

    async def drain(self, *, sending: bool) -> None:
        """Do what the outbox asks for, in its order; what is too late to be sent comes last.

        Without `sending`, or while the line is closed, only cancels go out, and what has waited too long ends unsent.
        """
        now = utc_now()
        since = {"market_since": now - self._pace.market_valid, "other_since": now - self._pace.other_valid}
        for work in await self._b.db.all(Work, broker_queries.BROKER_WORK, since | {"account": self._account_id}):
            await self._confirm()
            if work.kind == "cancel":
                await self._cancel(work)
            elif work.kind == "group":
                await self._end_group(work)
            elif work.first_id != work.order_id:
                continue  # It goes out with the first of its group.
            elif work.status == OrderStatus.PENDING_SUBMIT:
                await self._submit(work.order_id, sending=sending and not self._closed())
            elif work.status not in UNSENT:
                await self._look_for_legs(work)
            elif not sending or work.status == OrderStatus.SUBMITTING:
                continue
            elif work.look_at is not None and work.look_at <= utc_now():
                await self._look_for(work.order_id)

    async def strand(self) -> None:
        """What a former worker was sending when it ended: its fate is unknown, so it is looked for at once."""
        for (order_id,) in await self._b.db.tuples(broker_queries.STRANDED, (self._account_id,)):
            reason = "The worker ended while this order was being sent."
            await self._end_sending(order_id, OrderStatus.UNKNOWN, reason, look_at=utc_now())

    async def on_order(self, report: BrokerOrder) -> None:
        """Take a report, and those of its group that came with it, into the books and tell the person's pages."""
        early = await self._take_in(report)
        for leg in report.legs:
            early = await self._take_in(leg) or early
        if early is not None and early.group_id is not None:
            # The way out is known before the way in: the whole group is read, which has both in their order.
            found = await self._broker.find(client_order_id(early.group_id))
            for one in () if found is None else (found, *found.legs):
                await self._take_in(one)

    async def _take_in(self, report: BrokerOrder) -> BrokeredOrder | None:
        """The order when its report came too early."""
        applied = await apply_report(self._b.db, self._account_id, report)
        announce(self._b.cache, applied)
        return applied.order if applied is not None and applied.early else None

    async def _submit(self, order_id: UUID, *, sending: bool) -> None:
        claimed = await self._claim(order_id, OrderStatus.PENDING_SUBMIT, sending=sending)
        if claimed is not None:
            await self._send(claimed)

    def _closed(self) -> bool:
        """Whether the line to the broker said that it will take nothing yet."""
        return monotonic_secs() < self._closed_until_secs

    async def _claim(self, order_id: UUID, expected: OrderStatus, *, sending: bool = True) -> Claimed | None:
        """Commit that it is being sent now, with what belongs to it; None when it need not be.

        What has waited too long, or is stopped by a switch, is not sent at all; nor is a group of which a part is gone.
        """
        now = utc_now()
        async with self._b.db.transaction() as connection:
            members = await lock_members(connection, order_id)
            first = next((one for one in members if one.id == order_id), None)
            if first is None or first.status is not expected:
                return None
            if expected is OrderStatus.UNKNOWN and any(one.status is not expected for one in members):
                return None  # A part of it is known there: it is never sent a second time.
            reason = await self._not_to_send(connection, first, members, expected, now)
            if reason is None and not sending:
                return None
            open_ones = [one for one in members if one.status is expected]
            for one in open_ones:
                await move(connection, one, [OrderStatus.NOT_SENT if reason else OrderStatus.SUBMITTING], reason, now)
            if reason:
                for one in members:
                    await connection.execute(broker_queries.DROP_OUTBOX, (one.id,))
            else:
                fences = {one.id: await claim(connection, one.id, now) for one in open_ones}
                await connection.execute(broker_queries.SENT_WITH_FIRST, {"first": order_id})
        if reason:
            log.warning("order not sent", order_id=str(order_id), why=reason[:100])
            announce_all(self._b.cache, open_ones, OrderStatus.NOT_SENT)
            return None
        return Claimed(members, expected, fences[order_id])

    async def _not_to_send(
        self,
        connection: Connection,
        first: BrokeredOrder,
        members: list[BrokeredOrder],
        expected: OrderStatus,
        now: datetime,
    ) -> str | None:
        """Why it may not go out now, in words; None when it may."""
        if any(one.status is not expected for one in members):
            return PART_GONE
        for one in members:
            reason = await live_refusal(connection, one.id)
            if reason is not None:
                return reason
        reason = await stopped(connection, first.account_id, first.symbol, first.side, first.qty, first.id)
        if reason is None and any(one.cancel_requested_at for one in members):
            reason = TAKEN_BACK
        if reason is None and not self._still_wanted(first, now):
            reason = "It could not be sent in time and was not: nothing was ordered."
        return reason

    async def _send(self, claimed: Claimed) -> None:
        """One attempt on the wire, and its outcome in the books."""
        await self._confirm()
        first = claimed.first
        try:
            report = await self._broker.submit(first.client_order_id, group_request(claimed.members))
        except OrderUnsent as unsent:
            log.info("order waits", order_id=str(first.id), why=unsent.text[:100])
            await self._put_back(claimed, unsent)
        except OrderRefused as refusal:
            await self._end_sending(first.id, OrderStatus.REJECTED, refusal.text)
        except VendorFailure as failure:
            log.warning("order in doubt", order_id=str(first.id), kind=failure.kind)
            look_at = utc_now() + timedelta(seconds=self._pace.look_after_secs[0])
            words = f"{failure.text} Whether the order arrived is being found out."
            await self._end_sending(first.id, OrderStatus.UNKNOWN, words, look_at=look_at)
        else:
            await self.on_order(report)
            if len(claimed.members) > 1:
                await self._read_again(first)

    async def _put_back(self, claimed: Claimed, unsent: OrderUnsent) -> None:
        """It never left: it is what it was, unless somebody has asked for it back meanwhile, and the line rests."""
        now, order_id, was = utc_now(), claimed.first.id, claimed.was
        rest_secs = self._rest_secs(unsent.cause)
        self._closed_until_secs = monotonic_secs() + rest_secs
        async with self._b.db.transaction() as connection:
            members = await lock_members(connection, order_id)
            if not await still_claimed(connection, order_id, claimed.fence):
                return  # Another worker has it, and may be sending it.
            left = [one for one in members if one.status is OrderStatus.SUBMITTING]
            over = was is OrderStatus.PENDING_SUBMIT and any(one.cancel_requested_at for one in members)
            status, reason = (OrderStatus.NOT_SENT, TAKEN_BACK) if over else (was, f"{unsent.text} It has not left.")
            for one in left:
                await move(connection, one, [status], reason, now)
                if over:
                    await connection.execute(broker_queries.DROP_OUTBOX, (one.id,))
            if (
                left and was is OrderStatus.UNKNOWN
            ):  # Of an earlier attempt nobody knows: once more it is asked for, then sent.
                last = len(self._pace.look_after_secs) - 1
                asked = {"order": order_id, "looks": last, "look_at": now + timedelta(seconds=rest_secs)}
                await connection.execute(broker_queries.LOOK_LATER, asked)
        announce_all(self._b.cache, left, status)

    def _rest_secs(self, cause: StarkMatterError) -> float:
        said = cause.retry_after_secs if isinstance(cause, VendorFailure) else None
        return max(said or 0.0, self._pace.retry_secs)

    async def _read_again(self, first: BrokeredOrder) -> None:
        """What happened to a group before its numbers at the broker were known here was told to nobody."""
        try:
            found = await self._broker.find(first.client_order_id)
        except (VendorFailure, SeveralAlike):
            return  # The next comparison makes it good.
        if found is not None:
            await self.on_order(found)

    async def _end_sending(
        self, order_id: UUID, status: OrderStatus, reason: str, *, look_at: datetime | None = None
    ) -> None:
        """Leave `submitting`, unless the broker's stream was faster and has told more already."""
        now = utc_now()
        async with self._b.db.transaction() as connection:
            members = await lock_members(connection, order_id)
            left = [one for one in members if one.status is OrderStatus.SUBMITTING]
            for one in left:
                await move(connection, one, [status], reason, now)
                if status is not OrderStatus.UNKNOWN:
                    await connection.execute(broker_queries.DROP_OUTBOX, (one.id,))
                elif one.id == order_id:
                    await connection.execute(
                        broker_queries.LOOK_LATER, {"order": order_id, "looks": 0, "look_at": look_at}
                    )
        announce_all(self._b.cache, left, status)

    async def _end_group(self, work: Work) -> None:
        """A part of a group was taken back before it was sent: none of it is."""
        async with self._b.db.transaction() as connection:
            members = await lock_members(connection, work.first_id)
            left = [one for one in members if one.status is OrderStatus.PENDING_SUBMIT]
            for one in left:
                await move(connection, one, [OrderStatus.NOT_SENT], PART_GONE, utc_now())
                await connection.execute(broker_queries.DROP_OUTBOX, (one.id,))
            await connection.execute(broker_queries.DROP_GROUP, (work.order_id,))
        announce_all(self._b.cache, left, OrderStatus.NOT_SENT)

    async def _look_for(self, order_id: UUID) -> None:
        """Ask the broker for an order whose fate is unknown. Only its own word that there is none counts as none."""
        after = self._pace.look_after_secs
        ((looks, claimed_at),) = await self._b.db.tuples(broker_queries.LOOKS, (order_id,))
        try:
            found = await self._broker.find(client_order_id(order_id))
        except VendorFailure as failure:
            # What was not asked is asked as soon as it may be; a broker that cannot answer is given a little longer.
            rest_secs = self._rest_secs(failure) if failure.unsent else after[min(looks, len(after) - 2)]
            await self._look_later(order_id, looks, rest_secs)
            return
        except SeveralAlike:
            await self._look_later(order_id, looks, after[-1])
            raise
        if found is not None:
            await self.on_order(found)
        elif looks + 1 < len(after):
            since_secs = (utc_now() - claimed_at).total_seconds()
            await self._look_later(order_id, looks + 1, max(after[looks + 1] - since_secs, after[0]))
        elif not self._broker.repeatable:
            await self._give_up(order_id)
        else:
            claimed = await self._claim(order_id, OrderStatus.UNKNOWN)
            if claimed is not None:
                log.warning("order sent again under the same id", order_id=str(order_id))
                await self._send(claimed)
            else:
                await self._look_later(order_id, looks, after[-1])

    async def _look_for_legs(self, work: Work) -> None:
        """The first of a group is known there, and not yet all that belong to it: in the end it is taken back."""
        if work.look_at is not None and work.look_at > utc_now():
            return
        delays = self._pace.look_after_secs
        ((looks, _),) = await self._b.db.tuples(broker_queries.LOOKS, (work.order_id,))
        try:
            found = await self._broker.find(client_order_id(work.order_id))
        except (VendorFailure, SeveralAlike):
            found = None
        if found is not None:
            await self.on_order(found)
            if looks + 1 >= len(delays) and found.status in TERMINAL and not found.filled_qty:
                await self._give_up(work.order_id, legs_only=True)
            elif looks + 1 >= len(delays):
                half = await ask_back_the_rest(self._b.db, work.order_id, self._broker.capability.vendor)
                announce_all(self._b.cache, [] if half is None else [half], OrderStatus.PENDING_CANCEL)
        await self._look_later(work.order_id, looks + 1, delays[min(looks, len(delays) - 1)])

    async def _give_up(self, order_id: UUID, *, legs_only: bool = False) -> None:
        """The broker has no such order, and a second one could become two.

        `legs_only`: it has the first of a group, which ended without a fill; nothing is left to belong to it.
        """
        title = self._broker.capability.vendor
        reason = (
            f"{title} has no such order. It was not sent again, because {title} could not tell a repetition from a "
            "second order. Look there before you order anew."
        )
        async with self._b.db.transaction() as connection:
            members = await lock_members(connection, order_id)
            first = next((one for one in members if one.id == order_id), None)
            if first is None or (not legs_only and first.status is not OrderStatus.UNKNOWN):
                return
            left = [one for one in members if one.status is OrderStatus.UNKNOWN]
            for one in left:
                await move(connection, one, [OrderStatus.NOT_SENT], reason, utc_now())
                await connection.execute(broker_queries.DROP_OUTBOX, (one.id,))
        log.warning("order not found at the broker and not sent again", order_id=str(order_id))
        announce_all(self._b.cache, left, OrderStatus.NOT_SENT)

    async def _look_later(self, order_id: UUID, looks: int, secs: float) -> None:
        at = utc_now() + timedelta(seconds=secs)
        await self._b.db.run(broker_queries.LOOK_LATER, {"order": order_id, "looks": looks, "look_at": at})

    async def _cancel(self, work: Work) -> None:
        """Pass a wish to cancel on once it is known under which id the order lives at the broker."""
        if work.status in UNSENT or work.broker_order_id is None:
            return
        if work.status != OrderStatus.PENDING_CANCEL and not await self._mark_cancel(work.order_id):
            return
        try:
            await self._broker.cancel(work.broker_order_id)
        except CancelRefused:
            try:
                found = await self._broker.find(client_order_id(work.order_id))
            except (VendorFailure, SeveralAlike):
                return
            if found is not None:
                announce(self._b.cache, await apply_report(self._b.db, self._account_id, found, cancel_refused=True))
        except VendorFailure as failure:
            log.debug("cancel postponed", order_id=str(work.order_id), kind=failure.kind)
            return
        await self._b.db.run(broker_queries.DROP_CANCEL, (work.order_id,))

    async def _mark_cancel(self, order_id: UUID) -> bool:
        """The order became known while a wish to cancel was waiting; False when it has ended meanwhile."""
        now = utc_now()
        async with self._b.db.transaction() as connection:
            order = await lock_order(connection, order_id)
            if order is None or order.status in TERMINAL:
                await connection.execute(broker_queries.DROP_CANCEL, (order_id,))
                return False
            return await move(connection, order, [OrderStatus.PENDING_CANCEL], None, now)

    def _still_wanted(self, order: BrokeredOrder, now: datetime) -> bool:
        valid = self._pace.market_valid if order.type == "market" else self._pace.other_valid
        return now - order.created_at <= valid
