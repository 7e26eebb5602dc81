"""The sessions of an exchange as its calendar is published; `python -m starkmatter.market.published NAME FIRST LAST`.

A process of its own: the calendar library brings pandas, which would keep 80 MB of whoever asked, for a question that
is asked twice a year.
"""

import asyncio
import contextlib
import os
import sys
import warnings
from datetime import date, datetime

import orjson

from starkmatter.domain.sessions import Session
from starkmatter.errors import Unavailable

WITHIN_SECS = 120.0


def published_sessions(exchange: str, start_on: date, end_on: date) -> list[Session]:
    """The exchange's sessions with half days and daylight saving time; loads pandas."""
    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, about its use of pandas
        calendar = exchange_calendars.get_calendar(exchange, start=start_on.isoformat(), end=end_on.isoformat())
    return [
        Session(day.date(), opens.to_pydatetime(), closes.to_pydatetime())
        for day, opens, closes in zip(
            calendar.schedule.index, calendar.schedule["open"], calendar.schedule["close"], strict=True
        )
    ]


async def sessions_from_outside(exchange: str, start_on: date, end_on: date) -> list[Session]:
    """The same, worked out by another process; raises Unavailable when it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, exchange, start_on.isoformat(), end_on.isoformat(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONSAFEPATH": "1"}, start_new_session=True,
    )  # fmt: skip
    said = b""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WITHIN_SECS):
                said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise Unavailable(f"The sessions of {exchange} could not be worked out.")
    return [
        Session(date.fromisoformat(day), datetime.fromisoformat(opens), datetime.fromisoformat(closes))
        for day, opens, closes in orjson.loads(said)
    ]


def main(exchange: str, start_on: str, end_on: str) -> None:
    """Print the sessions as JSON: [[day, opens_at, closes_at], ...]."""
    sessions = published_sessions(exchange, date.fromisoformat(start_on), date.fromisoformat(end_on))
    sys.stdout.buffer.write(orjson.dumps([(one.session_on, one.opens_at, one.closes_at) for one in sessions]))


if __name__ == "__main__":
    main(*sys.argv[1:])
