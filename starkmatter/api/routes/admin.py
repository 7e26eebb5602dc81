"""For admins: people and invitations, the timetable and its runs, and how market data does."""

from uuid import UUID

from fastapi import APIRouter

from starkmatter.accounts import people, reset
from starkmatter.api.matrix import API_PREFIX
from starkmatter.api.schemas import Page
from starkmatter.api.schemas_data_health import DataHealthOut, SourceOrder
from starkmatter.api.schemas_jobs import JobOut, JobRunOut
from starkmatter.api.schemas_people import Invite, Link, PersonChange, PersonOut, ResetLinkFor
from starkmatter.api.security import B, Signed
from starkmatter.connections import data_health
from starkmatter.jobs import history

router = APIRouter(prefix=API_PREFIX, tags=["Administration"])


@router.get("/admin/users")
async def users(caller: Signed, b: B) -> Page[PersonOut]:
    """Everybody who may sign in."""
    return Page(items=[PersonOut.model_validate(one) for one in await people.list_people(b, caller)])


@router.patch("/admin/users/{user_id}", status_code=204)
async def change_user(user_id: UUID, body: PersonChange, caller: Signed, b: B) -> None:
    """Give another role, keep out or let in again; the person's sessions end."""
    if body.role is not None:
        await people.change_role(b, caller, user_id, body.role)
    if body.disabled is not None:
        await people.disable_person(b, caller, user_id, disabled=body.disabled)


@router.post("/admin/invitations", status_code=201)
async def invite(body: Invite, caller: Signed, b: B) -> Link:
    """A link that lets one person register within seven days; shown this once."""
    link = await people.invite(b, caller, body.role)
    return Link(link=link, text=f"Send this link. It works once, within seven days: {link}")


@router.post("/admin/reset-links", status_code=201)
async def reset_link(body: ResetLinkFor, caller: Signed, b: B) -> Link:
    """A link with which one person sets a new passphrase within an hour; shown this once."""
    name, link = await reset.make_link(b, caller, body.user_id)
    return Link(link=link, text=f"Send this link to {name}. It works once, within an hour: {link}")


@router.get("/admin/data-health")
async def health(caller: Signed, b: B) -> DataHealthOut:
    """How each source of market data does, what of its plan is used, and what the border refused."""
    return DataHealthOut.model_validate(await data_health.data_health(b, caller))


@router.put("/admin/market-sources", status_code=204)
async def order(body: SourceOrder, caller: Signed, b: B) -> None:
    """The order in which sources of market data are asked; every one is named once."""
    await data_health.order_sources(b, caller, body.order)


@router.get("/jobs")
async def jobs(caller: Signed, b: B) -> Page[JobOut]:
    """The timetable, each line with its newest run and when it runs next."""
    return Page(items=[JobOut.model_validate(one) for one in await history.list_jobs(b, caller)])


@router.get("/jobs/{name}/runs")
async def runs(name: str, caller: Signed, b: B, limit: int = 50) -> Page[JobRunOut]:
    """The newest runs of one job."""
    return Page(items=[JobRunOut.model_validate(one) for one in await history.list_runs(b, caller, name, limit)])


@router.post("/jobs/{name}/runs", status_code=202)
async def run_now(name: str, caller: Signed, b: B) -> dict[str, int]:
    """Have the worker run it within a second or two."""
    return {"id": await history.ask_for_run(b, caller, name)}
