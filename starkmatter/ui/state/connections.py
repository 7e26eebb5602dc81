"""Connections and the second factor: what may be shown of them. Keys and codes themselves go over REST only."""

import reflex as rx

from starkmatter.accounts.factor import factor_state
from starkmatter.backends import backends
from starkmatter.connections.catalog import CATALOG
from starkmatter.connections.service import ConnectionView, forget_connection, list_connections, test_connection
from starkmatter.egress.reports import VendorReport, read_reports
from starkmatter.errors import StarkMatterError
from starkmatter.ui import format as show
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

NOTHING: Row = {"connected": "", "tested": "", "ok": "", "words": "", "since": "", "sign_in": "", "until": ""}
EMPTY: dict[str, Row] = {
    one.kind: NOTHING
    | {f"hint_{field.name}": "" for field in one.fields}
    | {f"at_{field.name}": field.default for field in one.fields}
    for one in CATALOG
}


class ConnectionsState(rx.State):
    """Each vendor's row: whether it is connected, the last characters of its keys, how its last test went."""

    ready: bool = False
    rows: dict[str, Row] = EMPTY
    vendors: list[Row] = []
    busy: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read what is connected."""
        await self._read()

    async def _read(self) -> None:
        try:
            views = await list_connections(backends(), await caller_of(self))
            self.rows = EMPTY | {view.kind: _row(view) for view in views}
            self.vendors = [_vendor_row(report) for report in await read_reports(backends().cache)]
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready, self.busy = True, ""

    @rx.event
    @allow("trader")
    async def test(self, kind: str):
        """Ask the vendor with the kept keys."""
        self.busy = kind
        yield
        try:
            await test_connection(backends(), await caller_of(self), kind)
        except StarkMatterError as error:
            self.problem = error.text
        await self._read()

    @rx.event
    @allow("trader", fresh=True)
    async def forget(self, kind: str) -> None:
        """Delete the keys."""
        try:
            await forget_connection(backends(), await caller_of(self), kind)
        except StarkMatterError as error:
            self.problem = error.text
            return
        await self._read()


class FactorState(rx.State):
    """Whether the caller's second factor is on."""

    ready: bool = False
    on: bool = False
    left: int = 0
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read it again."""
        try:
            found = await factor_state(backends(), await caller_of(self))
            self.on, self.left, self.problem = found.on, found.recovery_codes_left, ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True


def _row(view: ConnectionView) -> Row:
    secret = {field.name for field in view.fields if field.secret}
    return (
        EMPTY[view.kind]
        | {f"hint_{name}": hint for name, hint in view.hints.items() if name in secret}
        | {f"at_{name}": text for name, text in view.hints.items() if name not in secret}
        | {
            "connected": "yes" if view.connected else "",
            "tested": show.wall_time(view.tested_at) if view.tested_at else "",
            "ok": "yes" if view.tested_ok else "",
            "words": view.tested_text,
            "since": show.wall_time(view.updated_at) if view.updated_at else "",
            "sign_in": view.sign_in.state if view.sign_in else "",
            "until": show.wall_time(view.sign_in.until) if view.sign_in and view.sign_in.until else "",
        }
    )


def _vendor_row(report: VendorReport) -> Row:
    good = report.failure is None
    return {
        "vendor": report.vendor,
        "state": "answers" if good else report.failure.replace("_", " "),
        "good": "yes" if good else "",
        "words": "" if good else report.text,
        "asked": f"{report.asked_count:,}",
        "failed": f"{report.failed_count:,}",
        "last_ok": show.wall_time(report.last_ok_at) if report.last_ok_at else "never",
    }
