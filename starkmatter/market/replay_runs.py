"""Runs of the replay market: what has to be stored before the first, the open one, and the beginning of another."""

from dataclasses import asdict
from datetime import date, datetime

import structlog

from starkmatter import clock
from starkmatter.db.database import Database
from starkmatter.domain.corporate.terms import CashDividend, Told
from starkmatter.domain.sessions import SessionCalendar
from starkmatter.market import queries
from starkmatter.market.actions.telling import tell_actions
from starkmatter.market.calendar import ensure_sessions, load_calendar
from starkmatter.market.history import bars
from starkmatter.market.providers.replay import EXCHANGE, ReplayHistory
from starkmatter.market.records import ReplayRunView
from starkmatter.settings import Settings

log = structlog.get_logger(__name__)


async def prepare_market(db: Database, history: ReplayHistory, now: datetime) -> SessionCalendar:
    """Store sessions, instruments and the daily history where missing; the replay's calendar."""
    await ensure_sessions(db, EXCHANGE, now.date())
    async with db.transaction() as connection, connection.cursor() as cursor:
        rows = [asdict(one.instrument) | {"venue": bars.VENUE} for one in history.symbols.values()]
        await cursor.executemany(queries.PUT_INSTRUMENT, rows)
        await tell_actions(connection, "replay", _dividends_of(history), now)
    calendar = (await load_calendar(db, EXCHANGE)).until(history.ends_on)
    await bars.store_daily_history(db, history, calendar)
    return calendar


def _dividends_of(history: ReplayHistory) -> list[Told]:
    """The dividends by which its prices fell; the same every time, so told once."""
    return [
        Told(f"dividend/{symbol}/{ex_on}", 1, symbol, ex_on, one.instrument.currency, CashDividend(per_share), "replay")
        for symbol, one in sorted(history.symbols.items())
        for ex_on, per_share in one.dividends
    ]


def _configured(settings: Settings) -> str:
    return f"{settings.replay_start_on.isoformat()} {settings.replay_speed} {settings.replay_seed}"


async def resume_or_start(
    db: Database, settings: Settings, history: ReplayHistory, calendar: SessionCalendar
) -> ReplayRunView:
    """The open run, with settings that changed since it was last configured applied; the first run of a new home."""
    run = await db.one(ReplayRunView, queries.CURRENT_RUN)
    wanted = _configured(settings)
    start_on = min(max(settings.replay_start_on, history.starts_on), history.ends_on)
    if run is not None and run.configured != wanted:
        was = run.configured.split()
        if was[0::2] == wanted.split()[0::2]:
            await db.run(queries.CONFIGURE_RUN, {"speed": settings.replay_speed, "configured": wanted})
            run = await db.one(ReplayRunView, queries.CURRENT_RUN)
        else:
            run = None
    if run is None:
        run = await start_run(
            db, calendar, start_on, settings.replay_seed, settings.replay_speed, wanted, skip_closed=True
        )
    return run


async def start_run(
    db: Database,
    calendar: SessionCalendar,
    start_on: date,
    seed: int,
    speed: int,
    configured: str,
    *,
    skip_closed: bool,
) -> ReplayRunView:
    """End the open run and begin one at the first session on or after `start_on`, or at the last there is."""
    now = clock.utc_now()
    first = calendar.on_or_after(start_on) or calendar.sessions[-1]
    async with db.transaction() as connection:
        await connection.execute(queries.END_RUN, {"wall_at": now})
        await connection.execute(queries.FORGET_FORMING, {"venue": bars.VENUE})
        params = {
            "seed": seed,
            "start_on": start_on,
            "speed": speed,
            "skip_closed": skip_closed,
            "venue_at": first.opens_at,
            "wall_at": now,
            "configured": configured,
        }
        row = await (await connection.execute(queries.START_RUN, params)).fetchone()
    assert row is not None
    run = ReplayRunView(*row)
    log.info("replay_run_started", run_id=run.id, start_on=str(start_on), seed=seed, speed=speed)
    return run
