"""What a tool of the analyst is: a name, one sentence, strict arguments, and facts the server reads for the caller.

Who asks is bound by the server. Arguments come from a model and may be anything: they are what the annotations say,
strictly, or the call is refused in words.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from starkmatter.accounts.records import Caller
from starkmatter.assistant.ports import Block
from starkmatter.backends import Backends
from starkmatter.domain.money import plain
from starkmatter.errors import InvalidInput

MAX_ARGS_CHARS = 4_000
MAX_RESULT_CHARS = 16_000

Fact = dict[str, Any]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9.^=\-]{1,20}$")]
Rows = Annotated[int, Field(ge=1, le=50)]


class Args(BaseModel):
    """What a tool is given."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `title` is what a person calls it; `outside_text` says that strangers wrote what it returns."""

    name: str
    title: str
    about: str
    args: type[Args]
    run: Callable[[Backends, Caller, Any], Awaitable[list[Fact]]]
    outside_text: bool = False

    @property
    def offer(self) -> Block:
        """How the model is told of it."""
        return {"name": self.name, "description": self.about, "input_schema": schema_of(self.args)}


def schema_of(args: type[Args]) -> Block:
    """The JSON schema of the arguments, without titles."""
    return dict(_without_titles(args.model_json_schema()))


def read_args(args: type[Args], given: Any) -> Args:
    """The arguments as declared; InvalidInput names the first that is not."""
    try:
        text = json.dumps(given, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput("The arguments cannot be read.") from None
    if len(text) > MAX_ARGS_CHARS:
        raise InvalidInput("The arguments are too long.")
    try:
        return args.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:60]
        raise InvalidInput(f"{where or 'arguments'}: {first['msg'][:120]}.") from None


def fact_of(record: Any, *names: str) -> Fact:
    """The named fields of a record (all without names) as JSON: money as text, instants in UTC, None left out."""
    fields = asdict(record)
    chosen = {name: fields[name] for name in names} if names else fields
    return {name: as_json(value) for name, value in chosen.items() if value is not None}


def as_json(value: Any) -> Any:
    """A value as JSON keeps it: exact figures are text."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(name): as_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return value


def _without_titles(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: _without_titles(one) for name, one in schema.items() if not (name == "title" and isinstance(one, str))
        }
    if isinstance(schema, list):
        return [_without_titles(one) for one in schema]
    return schema
