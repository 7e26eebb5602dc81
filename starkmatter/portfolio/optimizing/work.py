"""The worker's part: reads closes, has a process of its own look for weights, and keeps what it says.

What is running belongs to a worker that is gone, since only the leader looks: it is claimed anew, a few times.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import orjson
import structlog

from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.domain.money import ZERO
from starkmatter.errors import StarkMatterError, Unavailable
from starkmatter.market.service import daily_closes
from starkmatter.ops.outside import finds_our_code, run_python
from starkmatter.portfolio.optimizing import queries
from starkmatter.portfolio.optimizing.records import Estimate, Part, Proposed, proposed_as_json, wish_of

LOOK_SECS = 1.0
WITHIN_SECS = 60.0
MOST_TRIES = 3
FEWEST_DAYS = 60
MODULE = "starkmatter.portfolio.optimizing.child"
HUNDRED = Decimal(100)
PCT_STEP, RATIO_STEP = Decimal("0.01"), Decimal("0.000001")
TOO_LONG = "It took more time or memory than one may: take fewer symbols or days."
BROKEN = "It could not be finished: the log of the worker says why."

Confirm = Callable[[], Awaitable[None]]

log = structlog.get_logger("optimizations")


class NoWeightsError(Exception):
    """There are no weights; the text says why to a person."""


@dataclass(frozen=True, slots=True)
class Due:
    """One that waits for the worker."""

    id: UUID
    asked: dict[str, Any]
    tries: int


async def optimize_until(b: Backends, stop: asyncio.Event, confirm: Confirm) -> None:
    """Work on whatever waits until the worker stops."""
    while not stop.is_set():
        await confirm()
        try:
            if await optimize_once(b, confirm):
                continue
        except Unavailable:
            log.debug("optimizations wait", why="the database does not answer")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECS)


async def optimize_once(b: Backends, confirm: Confirm) -> bool:
    """The next one that waits; whether there was any."""
    due = await b.db.one(Due, queries.DUE)
    if due is None:
        return False
    claim = uuid4()
    if await b.db.run(queries.CLAIM, {"id": due.id, "claim": claim, "tries": due.tries}) != 1:
        return True
    result: Proposed | None = None
    words = ""
    if due.tries >= MOST_TRIES:
        words = BROKEN
        log.error("optimization given up", id=str(due.id), tries=due.tries)
    else:
        try:
            result = await _optimize(b, due)
        except NoWeightsError as error:
            words = str(error)
        except Unavailable:
            raise
        except StarkMatterError as error:
            words = error.text
        except Exception as error:  # noqa: BLE001 - figures of any kind must not end the worker
            words = BROKEN
            log.error("optimization failed", id=str(due.id), error=f"{type(error).__name__}: {error}"[:200])
    await confirm()
    ended = {
        "id": due.id,
        "claim": claim,
        "state": "failed" if result is None else "done",
        "words": words,
        "result": None if result is None else orjson.dumps(proposed_as_json(result)).decode(),
        "now": utc_now(),
    }
    await b.db.run(queries.FINISH, ended)
    log.info("optimization", id=str(due.id), state=ended["state"])
    return True


async def _optimize(b: Backends, due: Due) -> Proposed:
    asked, wish = due.asked, wish_of(due.asked)
    symbols: list[str] = asked["symbols"]
    until = datetime.fromisoformat(asked["until"])
    # Sessions are five of seven days, less holidays.
    since = until - timedelta(days=wish.days * 3 // 2 + 30)
    closes = await daily_closes(b.db, asked["venue"], symbols, since, until)
    days, rows = common_closes(symbols, closes, wish.days)
    now = asked["now_pcts"]
    present = None if now is None else _of_invested([Decimal(one) for one in now])
    said = await _ask(
        {
            "goal": wish.goal,
            "closes": rows,
            "groups": asked["groups"],
            "least": str(wish.least_pct / HUNDRED),
            "most": str(wish.most_pct / HUNDRED),
            "bounds": [[one.group, str(one.least_pct / HUNDRED), str(one.most_pct / HUNDRED)] for one in wish.bounds],
            "risk_free": str(wish.risk_free),
            "now": present,
        }
    )
    if "problem" in said:
        raise NoWeightsError(said["problem"])
    proposed = shared_out(said["weights"], HUNDRED - wish.cash_pct)
    risks = shared_out(said["risk_shares"], HUNDRED) if any(said["risk_shares"]) else [ZERO] * len(symbols)
    parts = [
        Part(symbol, group, None if now is None else Decimal(now[place]), proposed[place], risks[place])
        for place, (symbol, group) in enumerate(zip(symbols, asked["groups"], strict=True))
    ]
    return Proposed(
        parts=sorted(parts, key=lambda one: (-one.proposed_pct, one.symbol)),
        now=None if said["now"] is None else _estimate(said["now"]),
        proposed=_estimate(said["proposed"]),
        days=len(days) - 1,
        first_on=days[0],
        last_on=days[-1],
    )


def common_closes(
    symbols: Sequence[str], closes: Mapping[str, Mapping[date, Decimal]], most: int
) -> tuple[list[date], list[list[str]]]:
    """The newest days (`most` returns) on which every symbol has a close, with the closes as texts; NoWeightsError when
    there are too few, with what is to blame."""
    if bare := [one for one in symbols if not closes.get(one)]:
        raise NoWeightsError(
            f"{', '.join(bare)} has no stored daily closes in this time: open its chart once, or leave it out."
        )
    days = sorted(set.intersection(*(set(closes[one]) for one in symbols)))[-(most + 1) :]
    fewest = max(FEWEST_DAYS, len(symbols) + 1)
    if len(days) - 1 < fewest:
        least = min(symbols, key=lambda one: len(closes[one]))
        raise NoWeightsError(
            f"Only {max(len(days) - 1, 0)} days have a return of every symbol, and it takes {fewest}: "
            f"{least} has {len(closes[least])} closes in this time."
        )
    rows = [[str(closes[one][day]) for one in symbols] for day in days]
    if any(Decimal(close) <= 0 for row in rows for close in row):
        raise NoWeightsError("A close in this time is zero or below: there is no return to reckon with.")
    return days, rows


def shared_out(weights: Sequence[float], whole: Decimal) -> list[Decimal]:
    """Percentages in hundredths that sum to `whole` exactly: what rounding leaves goes where it cut off most."""
    exact = [Decimal(repr(max(one, 0.0))) for one in weights]
    total = sum(exact, ZERO)
    wanted = [one / total * whole for one in exact]
    found = [one // PCT_STEP * PCT_STEP for one in wanted]
    left = whole - sum(found, ZERO)
    for place in sorted(range(len(found)), key=lambda place: (found[place] - wanted[place], place)):
        step = min(left, PCT_STEP)
        if step <= 0:
            break
        found[place] += step
        left -= step
    return found


def _of_invested(pcts: Sequence[Decimal]) -> list[str] | None:
    """Present weights as those of a mix that is all invested; None when nothing of it is held."""
    whole = sum(pcts, ZERO)
    return [str(one / whole) for one in pcts] if whole > 0 else None


def _estimate(said: Sequence[float | None]) -> Estimate:
    expected, volatility, sharpe = (
        None if one is None else Decimal(repr(one)).quantize(RATIO_STEP) for one in said
    )  # fmt: skip
    assert expected is not None
    assert volatility is not None
    return Estimate(expected, volatility, sharpe)


async def _ask(question: Mapping[str, Any]) -> dict[str, Any]:
    """What the process answers; NoWeightsError when it does not within its time and memory."""
    # It gets no secret and no address: only where our own code is. One core: the others serve people.
    env = {**finds_our_code(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = await run_python(["-m", MODULE], orjson.dumps(dict(question)), within_secs=WITHIN_SECS, env=env)
    if done is None or done.exit_code != 0:
        raise NoWeightsError(TOO_LONG)
    found: dict[str, Any] = orjson.loads(done.out)
    return found
