"""Open orders follow an action: which of them it concerns, what becomes of each, and how that is written down.

An order given on the ex-date or later was meant in the new shares: it stays as it is. What was said of an order is kept
with the action, so that a correction can begin from what the order was before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import orjson

from starkmatter.db.database import Connection
from starkmatter.domain.corporate.orders import Change, Grid, OpenOrder, orders_after, orders_corrected
from starkmatter.domain.corporate.terms import Told
from starkmatter.domain.money import MICRO, ZERO
from starkmatter.domain.orders import TERMINAL, Condition, OrderStatus
from starkmatter.domain.presets import preset_of
from starkmatter.domain.risk import margin_still_needed, still_needed
from starkmatter.domain.sessions import EXCHANGE_ZONE
from starkmatter.trading.corporate import queries
from starkmatter.trading.corporate.records import Acting, LockedOrder, order_json, order_of_json


@dataclass(frozen=True, slots=True)
class Following:
    """What an action makes of one order: `was` is the order before the first revision, for a later correction."""

    told: Told
    change: Change
    was: OpenOrder


def of_row(row: Sequence[Any]) -> LockedOrder:
    """From the columns of `LOCK_ORDERS`."""
    (id_, symbol, side, type_, qty, filled, limit, stop, trail, trail_pct, notional, cond_symbol, relation, price,
     water, group_id, role, shared, held, status, reserved, per_share, value, opens, submitted_on) = row  # fmt: skip
    state = OrderStatus(status)
    order = OpenOrder(
        id=str(id_),
        symbol=symbol,
        side=side,
        type=type_,
        qty=ZERO if notional is not None else qty,
        filled_qty=filled,
        limit_price=limit,
        stop_price=stop,
        trail_amount=trail,
        trail_percent=trail_pct,
        notional=notional,
        condition=None if cond_symbol is None else Condition(cond_symbol, relation, price),
        water=water,
        group_id=None if group_id is None else str(group_id),
        role=role or "entry",
        shared_qty=shared,
        held=held,
        ended=state in TERMINAL,
    )
    return LockedOrder(id_, state, reserved, per_share, value, opens, submitted_on, order)


async def lock_orders(connection: Connection, account_id: UUID) -> list[LockedOrder]:
    """The open orders of an account and all of their groups, under their locks."""
    rows = await connection.execute(queries.LOCK_ORDERS, {"account": account_id, "zone": EXCHANGE_ZONE.key})
    return [of_row(row) for row in await rows.fetchall()]


async def grids_of(connection: Connection, account: Acting, symbols: Iterable[str]) -> dict[str, Grid]:
    """The steps of these instruments; one that is not known has those of a US share."""
    wanted = sorted(set(symbols))
    rows = await connection.execute(queries.GRIDS, (account.venue, wanted))
    known = {symbol: Grid(tick, lot) for symbol, tick, lot in await rows.fetchall()}
    return {symbol: known.get(symbol, Grid(Decimal("0.01"))) for symbol in wanted}


async def said_before(connection: Connection, account_id: UUID) -> dict[str, tuple[int, list[Change]]]:
    """By action the newest revision that spoke of orders, and what it said."""
    rows = await (await connection.execute(queries.ORDER_CHANGES, (account_id,))).fetchall()
    found: dict[str, tuple[int, list[Change]]] = {}
    for action_id, revision, verb, before, after, why in rows:
        change = Change(verb, order_of_json(before), order_of_json(after), why)
        said = found.get(action_id)
        if said is None or said[0] < revision:
            found[action_id] = revision, [change]
        else:
            said[1].append(change)
    return found


def follow(
    actions: Sequence[Told],
    locked: Sequence[LockedOrder],
    said: Mapping[str, tuple[int, list[Change]]],
    grids: Mapping[str, Grid],
    today: date,
) -> list[Following]:
    """What becomes of the orders through these actions, in their order; several may change one order."""
    now = {one.order.id: one.order for one in locked}
    given = {one.order.id: one.submitted_on for one in locked}
    found: list[Following] = []
    for told in actions:
        revision, wrong = said.get(told.action_id, (0, []))
        if revision >= told.revision:
            continue
        if wrong:
            first = {one.before.id: one.before for one in wrong}
            changes = orders_corrected(wrong, [one for one in now.values() if not one.ended], told, grids, today)
        elif told.terms is None or told.ex_on > today:
            continue
        else:
            early = [one for one in now.values() if given[one.id] < told.ex_on]
            open_groups = {one.group for one in early if not one.ended}
            pool = [one for one in early if one.group in open_groups]
            changes = orders_after(told, pool, grids)
            touched = {one.before.group for one in changes if one.verb != "keep"}
            changes = [one for one in changes if one.before.group in touched]
            first = {one.before.id: one.before for one in changes}
        for change in changes:
            found.append(Following(told, change, first[change.before.id]))
            if change.before.id in now:
                now[change.before.id] = change.after
    return found


async def write_following(
    connection: Connection,
    account: Acting,
    found: Sequence[Following],
    locked: Sequence[LockedOrder],
    free: Decimal,
    at: datetime,
    now: datetime,
) -> None:
    """Write it down: ends first, so that what they give back is reckoned in old shares.

    `free` is cash that no order has set aside: what an order needs more of it in new shares is taken as far as it goes.
    """
    rows = {str(one.id): one for one in locked}
    for one in sorted(found, key=lambda one: one.change.verb != "cancel"):
        row = rows.get(one.change.before.id)
        if row is not None:
            after = await _write_one(connection, account, one, row, free, at, now)
            free -= max(after.reserved - row.reserved, ZERO)
            rows[one.change.before.id] = after
    for one in found:
        about = {"order": UUID(one.change.before.id), "action_id": one.told.action_id, "revision": one.told.revision}
        more = one.change.after.filled_qty - one.change.before.filled_qty
        kept = {"before": orjson.dumps(order_json(one.was)).decode(),
                "after": orjson.dumps(order_json(one.change.after)).decode()}  # fmt: skip
        words = {"verb": one.change.verb, "why": one.change.why, "filled_more": more}
        row_of = about | kept | words | {"account": account.id, "at": at, "now": now}
        await connection.execute(queries.PUT_ORDER_CHANGE, row_of)


def reserve_of(account: Acting, one: Following, row: LockedOrder) -> tuple[Decimal, Decimal]:
    """What an order that goes on has set aside, at all and by the share."""
    after = one.change.after
    exact = Fraction(row.reserve_per_share) * _price_factor(one.change.before, after)
    per_share = (Decimal(exact.numerator) / exact.denominator).quantize(MICRO, ROUND_CEILING)
    if row.reserved == 0 or after.notional is not None:
        return row.reserved, per_share
    preset = preset_of(account.preset)
    rest, filled, value = after.leaves_qty, after.filled_qty, row.filled_value
    if account.kind == "margin":
        needed = margin_still_needed(preset, after.side, rest, per_share, filled_qty=filled, filled_value=value)
    else:
        needed = still_needed(preset, rest, per_share, filled_qty=filled, filled_value=value)
    return needed, per_share


def _price_factor(before: OpenOrder, after: OpenOrder) -> Fraction:
    """How the worst price of an order moves with it: as its own price does, else against its quantity."""
    for name in ("limit_price", "stop_price", "water"):
        was, now = getattr(before, name), getattr(after, name)
        if was and now:
            return Fraction(now) / Fraction(was)
    rest, rest_now = before.leaves_qty, after.leaves_qty
    return Fraction(rest) / Fraction(rest_now) if rest and rest_now else Fraction(1)


async def _write_one(
    connection: Connection,
    account: Acting,
    one: Following,
    row: LockedOrder,
    free: Decimal,
    at: datetime,
    now: datetime,
) -> LockedOrder:
    change, after = one.change, one.change.after
    if change.verb == "keep":
        return row
    said = {"order": row.id, "why": change.why, "at": at, "now": now, "from": str(row.status)}
    if change.verb == "cancel":
        end = OrderStatus.NOT_SENT if row.status is OrderStatus.PENDING_SUBMIT else OrderStatus.CANCELED
        await connection.execute(queries.MOVE_ORDER, said | {"step": str(end)})
        await connection.execute(queries.DROP_OUTBOX, (row.id,))
        if after.filled_qty != change.before.filled_qty or after.shared_qty != change.before.shared_qty:
            await _retell(connection, row, after, now)
        return replace(row, status=end, reserved=ZERO, order=after)
    if row.status in TERMINAL:
        await _retell(connection, row, after, now)
        return replace(row, order=after)
    reserved, per_share = reserve_of(account, one, row)
    if account.kind != "margin":
        reserved = min(reserved, row.reserved + max(free, ZERO))
    await connection.execute(
        queries.CHANGE_ORDER,
        {
            "order": row.id,
            "cond_symbol": None if after.condition is None else after.condition.symbol,
            "cond_price": None if after.condition is None else after.condition.price,
            "reserved": reserved,
            "per_share": per_share,
            "now": now,
            **{name: getattr(after, name) for name in ("symbol", "qty", "filled_qty", "limit_price", "stop_price",
                                                      "trail_amount", "water", "shared_qty", "held")},
        },
    )  # fmt: skip
    if reserved != row.reserved:
        moved = {"account": account.id, "cash": ZERO, "aside": reserved - row.reserved}
        await connection.execute(queries.MOVE_CASH, moved)
    await connection.execute(queries.MOVE_ORDER, said | {"step": str(row.status)})
    return replace(row, reserved=reserved, reserve_per_share=per_share, order=after)


async def _retell(connection: Connection, row: LockedOrder, after: OpenOrder, now: datetime) -> None:
    whole = after.filled_qty if after.filled_qty else row.order.qty
    told = {"order": row.id, "filled_qty": after.filled_qty, "qty": whole, "shared_qty": after.shared_qty, "now": now}
    await connection.execute(queries.RETELL_FILLED, told)
