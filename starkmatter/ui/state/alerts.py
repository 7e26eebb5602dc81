"""Alerts: the caller's rules, what they fired, and the centre in the top bar."""

from decimal import Decimal, InvalidOperation
from uuid import UUID

import reflex as rx

from starkmatter.alerts import service
from starkmatter.alerts.records import AlertEventView, AlertView
from starkmatter.backends import backends
from starkmatter.domain.alerts import KINDS
from starkmatter.errors import StarkMatterError
from starkmatter.market.board import QuoteBoard
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

PAGE = 30
IN_CENTRE = 8
MAILS = {"waiting": "mail waiting", "sending": "mail on its way", "sent": "mailed", "dead": "mail given up"}


class AlertsState(rx.State):
    """The page of alerts."""

    ready: bool = False
    alerts: list[Row] = []
    events: list[Row] = []
    symbol: str = ""
    can_mail: bool = False
    summary: bool = False
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read rules and crossings; a symbol named in the address is filled in."""
        asked = self.router.url.query_parameters.get("symbol", "")
        self.symbol = str(asked)[:20].upper() or self.symbol or "AAPL"
        await self._read()

    @rx.event
    @allow("user")
    async def refresh(self) -> None:
        """Something fired."""
        await self._read()

    @rx.event
    @allow("user")
    async def add(self, form: dict[str, str | bool]) -> None:
        """Watch a symbol on the market of the chosen account."""
        self.said = ""
        try:
            threshold = Decimal(_text(form, "threshold").replace(",", ""))
        except InvalidOperation:
            self.problem = "The level is a number such as 150.25."
            return
        frame = await self.get_state(FrameState)
        try:
            made = await service.make_alert(
                backends(),
                await caller_of(self),
                venue="market" if frame.account["venue"] == "market" else "replay",
                symbol=_text(form, "symbol")[:20],
                kind=_text(form, "kind"),  # type: ignore[arg-type]
                threshold=threshold,
                note=_text(form, "note")[:200],
                by_mail=bool(form.get("by_mail")),
                repeats=bool(form.get("repeats")),
            )
        except StarkMatterError as error:
            self.problem = error.text
            return
        later = "" if made.armed else " It is there already: it fires at the next crossing."
        self.said = f"Watching: {made.words}.{later}"
        await self._read()

    @rx.event
    @allow("user")
    async def switch(self, alert_id: str, on: bool) -> None:
        """Watch it, or let it rest."""
        try:
            await service.change_alert(backends(), await caller_of(self), UUID(alert_id), active=on)
        except (ValueError, StarkMatterError):
            self.problem = "There is no such alert."
            return
        await self._read()

    @rx.event
    @allow("user")
    async def delete(self, alert_id: str) -> None:
        """Forget it."""
        try:
            await service.delete_alert(backends(), await caller_of(self), UUID(alert_id))
        except (ValueError, StarkMatterError):
            self.problem = "There is no such alert."
            return
        await self._read()

    @rx.event
    @allow("user")
    async def choose_summary(self, on: bool) -> None:
        """Have the daily summary mailed, or not."""
        try:
            await service.choose_summary(backends(), await caller_of(self), on)
            self.summary, self.problem = on, ""
        except StarkMatterError as error:
            self.problem = error.text

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            alerts = await service.list_alerts(b, caller)
            self.alerts = [await _alert_row(one) for one in alerts]
            self.events = [event_row(one) for one in await service.list_alert_events(b, caller, PAGE)]
            self.can_mail = await service.mail_is_ready(b)
            self.summary = await service.wants_summary(b, caller)
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True


class CentreState(rx.State):
    """What fired and was not looked at yet: the bell of the top bar."""

    unseen: int = 0
    events: list[Row] = []

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Count what is new."""
        await self._count()

    @rx.event
    @allow("user")
    async def open(self) -> None:
        """Show the newest, which counts as having seen them."""
        b, caller = backends(), await caller_of(self)
        try:
            self.events = [event_row(one) for one in await service.list_alert_events(b, caller, IN_CENTRE)]
            await service.see_alert_events(b, caller)
            self.unseen = 0
        except StarkMatterError:
            self.events = []

    async def _count(self) -> None:
        try:
            self.unseen = await service.count_unseen(backends(), await caller_of(self))
        except StarkMatterError:
            self.unseen = 0


def _text(form: dict[str, str | bool], name: str) -> str:
    return str(form.get(name, "")).strip()


def event_row(one: AlertEventView) -> Row:
    """A crossing as lists show it."""
    return {
        "id": str(one.id),
        "symbol": one.symbol,
        "words": one.words,
        "note": one.note,
        "price": show.price(one.symbol, one.price),
        "at": show.exchange_time(one.venue_at),
        "venue": one.venue,
        "new": "" if one.seen_at else "yes",
        "mail": MAILS.get(one.mail or "", ""),
        "mail_words": one.mail_words or "",
    }


def _level(one: AlertView) -> str:
    return f"{show.money(one.threshold)} %" if one.kind.endswith("_pct") else show.price(one.symbol, one.threshold)


async def _alert_row(one: AlertView) -> Row:
    try:
        quote = (await QuoteBoard(backends().cache).quotes(one.venue, [one.symbol])).get(one.symbol)
    except StarkMatterError:
        quote = None
    state = ("waiting" if one.armed else "already there") if one.active else ("fired" if one.fired_at else "resting")
    return {
        "id": str(one.id),
        "symbol": one.symbol,
        "venue": one.venue,
        "condition": KINDS[one.kind],
        "level": _level(one),
        "last": show.price(one.symbol, quote.last if quote else None),
        "note": one.note,
        "ways": " · ".join(["page", *(["mail"] if one.by_mail else []), "every crossing" if one.repeats else "once"]),
        "state": state,
        "look": {"waiting": "working", "already there": "pending_submit"}.get(state, "expired"),
        "active": "yes" if one.active else "",
        "fired": show.wall_time(one.fired_at) if one.fired_at else "",
    }
