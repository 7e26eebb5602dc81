"""Administration: the timetable and its runs, people and invitations."""

from uuid import UUID

import reflex as rx

from starkmatter.accounts.people import change_role, disable_person, list_people
from starkmatter.backends import backends
from starkmatter.errors import StarkMatterError
from starkmatter.jobs.history import JobRunView, ask_for_run, list_jobs, list_runs
from starkmatter.ui import format as show
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row


class JobsState(rx.State):
    """The timetable."""

    ready: bool = False
    jobs: list[Row] = []
    runs: list[Row] = []
    shown: str = ""
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("admin")
    async def load(self) -> None:
        """Read the timetable and the runs of the job that is open."""
        await self._read()

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            self.jobs = [
                {
                    "name": one.name,
                    "about": one.about,
                    "when": one.when,
                    "next": show.wall_time(one.next_at) if one.next_at else "–",
                    **_run(one.latest),
                }
                for one in await list_jobs(b, caller)
            ]
            if self.shown:
                self.runs = [_run(run) for run in await list_runs(b, caller, self.shown, 20)]
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True

    @rx.event
    @allow("admin")
    async def open_job(self, name: str) -> None:
        """Show the runs of one job, or none."""
        self.shown, self.runs, self.said = ("" if self.shown == name else name), [], ""
        await self._read()

    @rx.event
    @allow("admin")
    async def run_now(self, name: str) -> None:
        """Ask the worker."""
        try:
            await ask_for_run(backends(), await caller_of(self), name)
            self.said, self.problem = f"Asked the worker to run “{name}”.", ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        self.shown = name
        await self._read()


class PeopleState(rx.State):
    """Everybody here. An invitation's link goes over REST only."""

    ready: bool = False
    people: list[Row] = []
    helpable: list[Row] = []
    said: str = ""
    problem: str = ""

    @rx.event
    @allow("admin")
    async def load(self) -> None:
        """Read everybody."""
        await self._read()

    async def _read(self) -> None:
        caller = await caller_of(self)
        try:
            self.people = [
                {
                    "id": str(one.id),
                    "name": one.display_name,
                    "email": one.email,
                    "role": one.role,
                    "fixed": "yes" if one.role == "owner" or one.id == caller.user_id else "",
                    "factor": "on" if one.has_second_factor else "off",
                    "out": "yes" if one.disabled_at else "",
                    "seen": show.wall_time(one.last_seen_at) if one.last_seen_at else "never",
                }
                for one in await list_people(backends(), caller)
            ]
            self.helpable = [
                {"id": one["id"], "label": f"{one['name']} ({one['email']})"}
                for one in self.people
                if not one["fixed"] and not one["out"] and (one["role"] != "admin" or caller.role == "owner")
            ]
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True

    @rx.event
    @allow("admin", fresh=True)
    async def give_role(self, user_id: str, role: str) -> None:
        """Another role, from now on."""
        await self._change(change_role(backends(), await caller_of(self), _id(user_id), role))

    @rx.event
    @allow("admin", fresh=True)
    async def keep_out(self, user_id: str, out: bool) -> None:
        """Out, or in again."""
        await self._change(disable_person(backends(), await caller_of(self), _id(user_id), disabled=out))

    async def _change(self, work) -> None:
        try:
            await work
            self.said, self.problem = "Done: their sessions have ended.", ""
        except StarkMatterError as error:
            self.said, self.problem = "", error.text
        await self._read()


def _id(text: str) -> UUID:
    """The person's id; what is none names nobody."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _run(run: JobRunView | None) -> Row:
    if run is None:
        return {"at": "–", "outcome": "", "words": "Has not run yet.", "took": "", "asked": ""}
    outcome = run.outcome or ("running" if run.claimed_at else "waiting")
    return {
        "at": show.wall_time(run.claimed_at or run.asked_at),
        "outcome": outcome,
        "words": run.words,
        "took": f"{run.duration_ms:,} ms" if run.duration_ms is not None else "",
        "asked": "yes" if run.asked else "",
    }
