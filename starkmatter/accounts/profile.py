"""What people may change about themselves: their name, how the interface looks, and in what currency it sums."""

import json
from dataclasses import asdict, fields
from typing import get_args, get_type_hints

from starkmatter.accounts import queries
from starkmatter.accounts.records import Appearance, Caller
from starkmatter.accounts.setup import MAX_NAME_CHARS
from starkmatter.backends import Backends
from starkmatter.domain.fx import BOOK_CURRENCIES
from starkmatter.errors import InvalidInput

DOLLAR = "USD"
THEMES = get_args(get_type_hints(Appearance)["theme"])


async def update_profile(b: Backends, caller: Caller, display_name: str) -> None:
    """Change the name others see; raises InvalidInput when it is empty or too long."""
    name = display_name.strip()
    if not 1 <= len(name) <= MAX_NAME_CHARS:
        raise InvalidInput(f"The name must have 1 to {MAX_NAME_CHARS} characters.")
    await b.db.run(queries.UPDATE_PROFILE, (name, caller.user_id))


async def get_appearance(b: Backends, caller: Caller) -> Appearance:
    """How the person wants the interface; defaults where nothing is stored."""
    stored = await b.db.value(queries.APPEARANCE, (caller.user_id,)) or {}
    known = {field.name for field in fields(Appearance)}
    return Appearance(**{name: value for name, value in stored.items() if name in known})


async def set_appearance(b: Backends, caller: Caller, appearance: Appearance) -> None:
    """Store it; raises InvalidInput for values that do not exist."""
    if appearance.theme not in THEMES or not isinstance(appearance.up_is_red, bool):
        raise InvalidInput("The theme is one of: " + ", ".join(THEMES) + ".")
    await b.db.run(queries.SET_APPEARANCE, (json.dumps(asdict(appearance)), caller.user_id))


async def get_base_currency(b: Backends, caller: Caller) -> str:
    """The currency in which their accounts are shown together: chosen, or the first account's, or dollars."""
    found: str | None = await b.db.value(queries.BASE_CURRENCY, (caller.user_id,))
    return found or DOLLAR


async def set_base_currency(b: Backends, caller: Caller, currency: str) -> str:
    """Choose it; nothing in any account changes. InvalidInput for a currency that books cannot be shown in."""
    chosen = currency.strip().upper()
    if chosen not in BOOK_CURRENCIES:
        raise InvalidInput(f"The base currency must be one of: {', '.join(BOOK_CURRENCIES)}.")
    await b.db.run(queries.SET_BASE_CURRENCY, (chosen, caller.user_id))
    return chosen


async def other_base_currencies(b: Backends) -> bool:
    """Whether somebody has their accounts shown in another currency than the dollar, which takes rates."""
    return bool(await b.db.value(queries.OTHER_BASE_CURRENCIES, (DOLLAR,)))
