"""Settings: the person's name and looks, their sessions, and for admins the replay's clock."""

from datetime import date
from uuid import UUID

import reflex as rx

from starkmatter.accounts.profile import (
    get_appearance,
    get_base_currency,
    set_appearance,
    set_base_currency,
    update_profile,
)
from starkmatter.accounts.records import Appearance
from starkmatter.accounts.sessions import list_sessions, revoke_other_sessions, revoke_session
from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.market.service import replay_status
from starkmatter.trading.steering import steer
from starkmatter.ui import format as show
from starkmatter.ui.state.frame import FrameState
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row

SPEEDS = (1, 5, 10, 30, 60)
MAX_NAME_CHARS = 80


class SettingsState(rx.State):
    """What a person may change about themselves."""

    ready: bool = False
    name: str = ""
    email: str = ""
    role: str = ""
    theme: str = "dark"
    swap: bool = False
    base_currency: str = ""
    sessions: list[Row] = []
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read profile, appearance and sessions."""
        b, caller = backends(), await caller_of(self)
        self.name, self.email, self.role = caller.display_name, caller.email, caller.role
        try:
            looks = await get_appearance(b, caller)
            self.theme, self.swap = looks.theme, looks.up_is_red
            self.base_currency = await get_base_currency(b, caller)
            await self._read_sessions()
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready, self.said = True, ""

    @rx.event
    @allow("user")
    async def save_name(self, form: dict[str, str]) -> None:
        """Change the display name."""
        try:
            name = str(form.get("display_name", ""))[: MAX_NAME_CHARS + 1]
            await update_profile(backends(), await caller_of(self), name)
            self.name, self.said, self.problem = name.strip(), "Saved.", ""
            frame = await self.get_state(FrameState)
            frame.name = self.name
        except StarkMatterError as error:
            self.problem, self.said = error.text, ""

    @rx.event
    @allow("user")
    async def choose_theme(self, theme: str) -> None:
        """Dark, light or what the system says."""
        await self._look(str(theme), self.swap)

    @rx.event
    @allow("user")
    async def choose_swap(self, swap: bool) -> None:
        """Which color means up."""
        await self._look(self.theme, bool(swap))

    @rx.event
    @allow("user")
    async def choose_base_currency(self, currency: str) -> None:
        """In which currency all accounts are shown together."""
        try:
            self.base_currency = await set_base_currency(backends(), await caller_of(self), str(currency)[:3])
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text

    async def _look(self, theme: str, swap: bool) -> None:
        try:
            await set_appearance(backends(), await caller_of(self), Appearance(theme=theme, up_is_red=swap))
        except StarkMatterError as error:
            self.problem = error.text
            return
        self.theme, self.swap = theme, swap
        frame = await self.get_state(FrameState)
        frame.theme, frame.swap = theme, swap

    @rx.event
    @allow("user", fresh=True)
    async def end_session(self, session_id: str):
        """End one session; ending this one leads to the sign-in page."""
        caller = await caller_of(self)
        try:
            key = UUID(str(session_id))
            await revoke_session(backends(), caller, key)
            if key == caller.session_id:
                return rx.redirect("/login")
            await self._read_sessions()
        except (ValueError, StarkMatterError):
            self.problem = "There is no such session."
        return None

    @rx.event
    @allow("user", fresh=True)
    async def end_others(self) -> None:
        """End every session but this one."""
        await revoke_other_sessions(backends(), await caller_of(self))
        await self._read_sessions()

    async def _read_sessions(self) -> None:
        caller = await caller_of(self)
        self.sessions = [
            {
                "id": str(one.id),
                "agent": _browser(one.user_agent),
                "ip": one.ip,
                "since": show.wall_time(one.created_at),
                "seen": show.wall_time(one.last_seen_at),
                "current": "yes" if one.id == caller.session_id else "",
            }
            for one in await list_sessions(backends(), caller)
        ]


class ReplayState(rx.State):
    """The replay's clock, for admins."""

    speed: int = 10
    paused: bool = False
    start_on: str = ""
    seed: str = ""
    first_on: str = ""
    last_on: str = ""
    said: str = ""
    problem: str = ""
    asking: bool = False

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read where the replay stands."""
        b = backends()
        try:
            status = await replay_status(b.db, b.cache)
        except StarkMatterError as error:
            self.problem = error.text
            return
        if status.run is not None:
            self.speed, self.paused = status.run.speed, status.run.paused
            self.start_on, self.seed = status.run.start_on.isoformat(), str(status.run.seed)
        self.first_on = status.history_starts_on.isoformat() if status.history_starts_on else ""
        self.last_on = status.history_ends_on.isoformat() if status.history_ends_on else ""
        self.said, self.problem, self.asking = "", "", False

    @rx.event
    @allow("admin")
    async def set_speed(self, speed: int) -> None:
        """How many venue seconds pass in one."""
        if speed in SPEEDS and await self._steer(speed=speed):
            self.speed = speed

    @rx.event
    @allow("admin")
    async def toggle_pause(self) -> None:
        """Stop or go on."""
        if await self._steer(paused=not self.paused):
            self.paused = not self.paused

    @rx.event
    @allow("admin")
    def ask_restart(self, form: dict[str, str]) -> None:
        """A new run closes every account of this one: ask first."""
        self.start_on, self.seed = str(form.get("start_on", ""))[:10], str(form.get("seed", ""))[:10]
        self.asking = True

    @rx.event
    @allow("admin")
    def keep_run(self) -> None:
        """Not now."""
        self.asking = False

    @rx.event
    @allow("admin")
    async def restart(self) -> None:
        """Start the replay at another date or seed."""
        self.asking = False
        try:
            start_on, seed = date.fromisoformat(self.start_on), int(self.seed)
        except ValueError:
            self.problem, self.said = "Give the date as YYYY-MM-DD and the seed as a whole number.", ""
            return
        if await self._steer(start_on=start_on, seed=seed):
            self.said = "Asked for. The market moves there within a second or two; reload to see your new account."

    async def _steer(self, **changes) -> bool:
        try:
            await steer(backends(), await caller_of(self), **changes)
        except StarkMatterError as error:
            self.problem, self.said = error.text, ""
            return False
        self.problem, self.said = "", "Done."
        return True


def _browser(agent: str) -> str:
    """A short name for a browser: enough to recognize one's own."""
    names = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = (
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    browser = next((name for mark, name in names if mark in agent), "A program")
    system = next((name for mark, name in systems if mark in agent), "")
    return f"{browser} on {system}" if system else browser
