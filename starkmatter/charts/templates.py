"""Named looks of the chart that a person keeps and takes from symbol to symbol."""

from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from starkmatter.accounts.records import Caller
from starkmatter.backends import Backends
from starkmatter.charts import queries
from starkmatter.charts.records import TemplateView
from starkmatter.clock import utc_now
from starkmatter.domain.indicators.catalog import read_asked
from starkmatter.errors import InvalidInput, NotFound

MAX_TEMPLATES = 30
MAX_NAME_CHARS = 40
MAX_INDICATORS = 12


async def list_templates(b: Backends, caller: Caller) -> list[TemplateView]:
    """The caller's templates by name."""
    return await b.db.all(TemplateView, queries.TEMPLATES, {"user": caller.user_id})


async def keep_template(b: Backends, caller: Caller, name: str, look: dict[str, Any]) -> TemplateView:
    """Keep a look under a name; one of the same name is replaced. The look's choices were checked by their schema.

    InvalidInput when the name is empty or too long, an indicator is unknown, or there are too many.
    """
    title = " ".join(name.split())
    if not 1 <= len(title) <= MAX_NAME_CHARS or not title.isprintable():
        raise InvalidInput(f"name: 1 to {MAX_NAME_CHARS} characters.")
    indicators = look.get("indicators") or []
    if len(indicators) > MAX_INDICATORS:
        raise InvalidInput(f"indicators: at most {MAX_INDICATORS} in one template.")
    settled = [one.text for one in read_asked(",".join(indicators))] if indicators else []
    row = {
        "id": uuid4(),
        "user": caller.user_id,
        "name": title,
        "look": Jsonb(look | {"indicators": settled}),
        "now": utc_now(),
        "most": MAX_TEMPLATES,
    }
    kept = await b.db.one(TemplateView, queries.PUT_TEMPLATE, row)
    if kept is None:
        raise InvalidInput(f"One person can have {MAX_TEMPLATES} templates. Remove one first.")
    return kept


async def delete_template(b: Backends, caller: Caller, template_id: UUID) -> None:
    """Forget it."""
    if not await b.db.run(queries.DELETE_TEMPLATE, {"id": template_id, "user": caller.user_id}):
        raise NotFound("There is no such template.")
