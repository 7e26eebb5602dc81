"""How market data does: each source's answers, what of its plan is used, and what was refused. For admins."""

from datetime import timedelta

import reflex as rx

from starkmatter.backends import backends
from starkmatter.connections.data_health import SourceView, data_health, move_source
from starkmatter.errors import StarkMatterError
from starkmatter.market.health import Refusal
from starkmatter.ui import format as show
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

STATUS = {"answers": "filled", "stands in": "partial", "at its limit": "partial", "does not answer": "rejected"}


class DataHealthState(rx.State):
    """The sources in the order they are asked, and the newest of what was refused."""

    ready: bool = False
    note: str = ""
    silent: bool = False
    sources: list[Row] = []
    refusals: list[Row] = []
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read it again; for somebody who is no admin there is nothing."""
        caller = await caller_of(self)
        if caller.is_admin:
            await self._read()

    @rx.event
    @allow("admin")
    async def move(self, adapter: str, up: bool) -> None:
        """Have a source asked one place earlier or later."""
        try:
            await move_source(backends(), await caller_of(self), adapter, up=up)
        except StarkMatterError as error:
            self.problem = error.text
            return
        await self._read()

    async def _read(self) -> None:
        try:
            found = await data_health(backends(), await caller_of(self))
            last = len(found.sources)
            self.sources = [_source(one, last) for one in found.sources]
            self.refusals = [_refusal(one) for one in found.refusals]
            self.note, self.silent, self.problem = found.note, found.told_at is None, ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True


def _source(one: SourceView, last: int) -> Row:
    limit = f"{one.minute_limit:g}" if one.minute_limit else ""
    return {
        "adapter": one.adapter,
        "vendor": one.vendor,
        "place": str(one.place),
        "first": "yes" if one.place == 1 else "",
        "last": "yes" if one.place == last else "",
        "state": one.state,
        "status": STATUS.get(one.state, ""),
        "minute": f"{one.minute_used:,} of {limit}" if limit else f"{one.minute_used:,}",
        "minute_used": str(min(one.minute_used, one.minute_limit or 0)),
        "minute_limit": limit,
        "day": f"{one.day_used:,} of {one.day_limit:,}" if one.day_limit else f"{one.day_used:,}",
        "day_used": str(min(one.day_used, one.day_limit or 0)),
        "day_limit": str(one.day_limit) if one.day_limit else "",
        "last_ok": show.wall_time(one.last_ok_at) if one.last_ok_at else "never",
        "last_failed": show.wall_time(one.last_failed_at) if one.last_failed_at else "never",
        "failed_words": one.failed_words,
        "answers": f"{one.answers:,}",
        "failures": f"{one.failures:,}",
        "refused": f"{one.refused:,}",
        "suspects": f"{one.suspects:,}",
        "age": show.age(timedelta(seconds=one.newest_age_secs)) if one.newest_age_secs is not None else "–",
    }


def _refusal(one: Refusal) -> Row:
    return {
        "at": show.wall_time(one.at),
        "provider": one.provider,
        "symbol": one.symbol or "–",
        "what": one.what,
        "reason": one.reason,
        "excerpt": one.excerpt,
        "times": f"{one.times:,}",
    }
