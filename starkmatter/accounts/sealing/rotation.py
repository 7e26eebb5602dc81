"""Rotation while everything runs: a newer key, then each row's data key wrapped anew, one row at a time.

Nothing has to be finished: a row under a former key opens as before, and what is left the next run finds. Former keys
are dropped by a step of its own, when no row is under them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, LiteralString

from starkmatter.accounts.audit.records import Actor
from starkmatter.accounts.audit.trail import note
from starkmatter.accounts.sealing import queries
from starkmatter.accounts.sealing.envelope import Sealed, columns, rewrap
from starkmatter.accounts.sealing.keepers import newest_keeper
from starkmatter.accounts.sealing.local import local_keys
from starkmatter.accounts.sealing.places import import_file_place, secret_place, signing_key_place, totp_place
from starkmatter.accounts.sealing.ports import LOST, KeyVersion
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.db.database import Database
from starkmatter.errors import ConfigError, Conflict
from starkmatter.settings import Settings

ROWS_AT_A_TIME = 200
MOST_PASSES = 20
# The key of this machine that rows were sealed under before they had data keys.
FIRST = "local:1"
JOB, COMMAND = Actor("job"), Actor("command")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A table with sealed rows: those that are due, how one is put back, and its place from its first columns."""

    due: LiteralString
    put: LiteralString
    place: Callable[..., str]
    place_columns: int


SHELVES = (
    Shelf(queries.DUE_SECRETS, queries.PUT_SECRET, secret_place, 3),
    Shelf(queries.DUE_SEEDS, queries.PUT_SEED, totp_place, 1),
    Shelf(queries.DUE_SIGNING_KEYS, queries.PUT_SIGNING_KEY, signing_key_place, 1),
    Shelf(queries.DUE_FILES, queries.PUT_FILE_KEY, import_file_place, 1),
)


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of a run: rows that are under the newest key now, and those that no key opens, left as they are."""

    newest: KeyVersion | None
    rows: int
    not_opened: int

    def as_text(self) -> str:
        if self.newest is None:
            text = "The vault has no key yet."
        else:
            text = f"{self.rows:,} rows were brought under the vault's key {self.newest}."
        if self.not_opened:
            text += f" {self.not_opened:,} rows cannot be opened with any key: restore their key, or enter them again."
        return text


async def rotate(db: Database, settings: Settings, *, resume: bool = False, by: Actor = COMMAND) -> Moved:
    """Make a newer key (not with `resume`) and bring every row under it; safe to end and begin again at any point."""
    if not resume:
        keeper = newest_keeper(settings)
        former = await keeper.newest()
        named = [version or FIRST for version, _ in await db.tuples(queries.ROWS_BY_VERSION)]
        here = [int(version.rpartition(":")[2]) for version in named if version.startswith("local:")]
        if former is None and here:
            # The key of these rows is missing: one that is made now would stand in its place.
            raise ConfigError(LOST)
        newest = await keeper.make_newer(above=max(here, default=0))
        async with db.transaction() as connection:
            before = None if former is None else {"version": str(former)}
            await note(connection, by, "vault.key_made", ("vault", newest), before=before)
    return await bring_up(db, settings, by=by)


async def bring_up(db: Database, settings: Settings, *, by: Actor) -> Moved:
    """Bring every row under the newest key, also what others seal meanwhile with a former one."""
    keeper = newest_keeper(settings)
    moved, newest = 0, await keeper.newest()
    for _ in range(MOST_PASSES):
        found = [await _pass(db, settings, shelf, str(newest)) for shelf in SHELVES]
        done, refused, lost = (sum(figures) for figures in zip(*found, strict=True))
        moved += done
        was, newest = newest, await keeper.newest()
        if newest == was and not lost:
            break
    if moved:
        async with db.transaction() as connection:
            await note(connection, by, "vault.rewrapped", ("vault", newest), after={"rows": moved})
    return Moved(newest, moved, refused)


async def finish_rotation(b: Backends) -> str:
    """What a rotation left, what is still in the former form, and what follows a change of keeper: a job's work."""
    return (await bring_up(b.db, b.settings, by=JOB)).as_text()


async def _pass(db: Database, settings: Settings, shelf: Shelf, newest: str) -> tuple[int, int, int]:
    """How many rows of a table were moved, could not be opened, and were changed by somebody else meanwhile."""
    moved = refused = lost = 0
    after = None
    while rows := await db.tuples(shelf.due, {"newest": newest, "after": after, "most": ROWS_AT_A_TIME}):
        after = rows[-1][0]
        for row in rows:
            sealed = Sealed(*row[shelf.place_columns :])
            try:
                fresh = await rewrap(settings, sealed, shelf.place(*row[: shelf.place_columns]))
            except ConfigError:
                refused += 1
                continue
            if await _put(db, shelf, row[0], sealed, fresh):
                moved += 1
            else:
                lost += 1
    return moved, refused, lost


async def _put(db: Database, shelf: Shelf, key: Any, sealed: Sealed, fresh: Sealed) -> bool:
    was = {"key": key, "was": sealed.ciphertext, "was_wrapped": sealed.wrapped_key}
    return await db.run(shelf.put, {**columns(fresh), **was}) == 1


async def drop_former(db: Database, settings: Settings) -> list[KeyVersion]:
    """Forget the keys on this machine that are not the newest; Conflict while a row is under one of them."""
    newest, keys = await newest_keeper(settings).newest(), local_keys(settings)
    former = [KeyVersion("local", number) for number in sorted(keys.numbers())]
    former = [version for version in former if version != newest]
    used = dict(await db.tuples(queries.ROWS_BY_VERSION))
    needed = sum(used.get(version, 0) for version in (None, *map(str, former)))
    if former and needed:
        raise Conflict(f"{needed:,} rows still need a former key: run `starkmatter vault rotate --resume` first.")
    if former:
        keys.drop({version.number for version in former}, utc_now())
        async with db.transaction() as connection:
            gone = [str(version) for version in former]
            await note(connection, COMMAND, "vault.keys_dropped", ("vault", newest), before={"versions": gone})
    return former
