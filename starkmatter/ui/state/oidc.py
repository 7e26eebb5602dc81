"""Settings: the caller's linked sign-ins. What proves who links goes over REST only."""

from uuid import UUID

import reflex as rx

from starkmatter.accounts.oidc.identities import has_passphrase, list_identities, unlink
from starkmatter.accounts.oidc.providers import list_providers
from starkmatter.accounts.oidc.records import IdentityView
from starkmatter.backends import backends
from starkmatter.errors import NotFound, StarkMatterError
from starkmatter.ui import format as show
from starkmatter.ui.state.guard import allow, caller_of
from starkmatter.ui.state.rows import Row


class IdentitiesState(rx.State):
    """What is linked, and what could be."""

    ready: bool = False
    linked: list[Row] = []
    providers: list[Row] = []
    passphrase: bool = True
    problem: str = ""

    @rx.event
    @allow("user")
    async def load(self) -> None:
        """Read what there is."""
        self.problem = ""
        await self._read()

    async def _read(self) -> None:
        b, caller = backends(), await caller_of(self)
        try:
            self.providers = [{"slug": one.slug, "title": one.title} for one in await list_providers(b)]
            names = {one["slug"]: one["title"] for one in self.providers}
            self.linked = [_row(one, names) for one in await list_identities(b, caller)]
            self.passphrase = await has_passphrase(b, caller)
        except StarkMatterError as error:
            self.problem = error.text
        self.ready = True

    @rx.event
    @allow("user", fresh=True)
    async def unlink(self, identity_id: str) -> None:
        """Take one back."""
        try:
            await unlink(backends(), await caller_of(self), _id(identity_id))
            self.problem = ""
        except StarkMatterError as error:
            self.problem = error.text
        await self._read()


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is no such linked sign-in.") from None


def _row(one: IdentityView, names: dict[str, str]) -> Row:
    return {
        "id": str(one.id),
        "provider": names.get(one.provider, one.provider),
        "label": one.label,
        "off": "" if one.provider in names else "yes",
        "since": show.wall_time(one.created_at),
        "used": show.wall_time(one.last_used_at) if one.last_used_at else "never",
    }
