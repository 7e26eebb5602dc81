"""How the vault stands, for `starkmatter vault status` and `starkmatter doctor`: versions and counts, never a key."""

from dataclasses import dataclass
from typing import Any

import psycopg

from starkmatter.accounts.sealing import queries
from starkmatter.accounts.sealing.keepers import newest_keeper
from starkmatter.accounts.sealing.local import local_keys
from starkmatter.accounts.sealing.ports import KeyVersion
from starkmatter.db.database import Database
from starkmatter.errors import StarkMatterError
from starkmatter.ops.health import Part
from starkmatter.settings import Settings


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """Where the newest key is, the keys that are on this machine, and rows by key (None: sealed before data keys)."""

    keeper: str
    newest: KeyVersion | None
    on_this_machine: tuple[int, ...]
    rows: dict[str | None, int]

    @property
    def former_rows(self) -> int:
        """Rows that are not under the newest key."""
        return sum(count for version, count in self.rows.items() if self.newest is None or version != str(self.newest))

    def as_json(self) -> dict[str, Any]:
        return {
            "keeper": self.keeper,
            "newest": self.newest and str(self.newest),
            "on_this_machine": [f"local:{number}" for number in self.on_this_machine],
            "rows": {version or "before data keys": count for version, count in self.rows.items()},
            "former_rows": self.former_rows,
        }

    def as_text(self) -> str:
        lines = [f"The vault's key is kept in {self.keeper}."]
        if self.newest is None:
            lines.append("There is no key yet: the first secret makes one.")
        names = {version or "before data keys": count for version, count in self.rows.items()}
        names = {f"local:{number}": 0 for number in self.on_this_machine} | names
        if self.newest is not None:
            names.setdefault(str(self.newest), 0)
        for name in sorted(names):
            mark = "newest" if name == str(self.newest) else "former"
            lines.append(f"  {name:<18} {names[name]:>7,} rows  {mark}")
        return "\n".join(lines)


async def vault_status(db: Database, settings: Settings) -> VaultStatus:
    """Look, and make nothing. Unavailable when the keeper or the database does not answer."""
    keeper = newest_keeper(settings)
    rows = dict(await db.tuples(queries.ROWS_BY_VERSION))
    numbers = tuple(sorted(local_keys(settings).numbers()))
    return VaultStatus(await keeper.about(), await keeper.newest(), numbers, rows)


async def vault_part(settings: Settings, db: Database | None) -> Part:
    """The vault's line in the doctor's report; without a database it tells of the keeper alone."""
    try:
        keeper = newest_keeper(settings)
        where, newest = await keeper.about(), await keeper.newest()
        if db is None:
            return Part("vault", True, f"Its key is kept in {where}.")
        status = await vault_status(db, settings)
    except StarkMatterError as error:
        return Part("vault", False, error.text)
    except psycopg.Error as error:
        return Part("vault", False, f"Its rows cannot be counted ({type(error).__name__}).")
    total = sum(status.rows.values())
    if newest is None:
        lost = f"Its key is to be in {where}, and is not there: restore it, {total:,} rows cannot be opened."
        return Part("vault", not total, lost if total else f"Nothing is sealed yet; its key will be in {where}.")
    former = f"{status.former_rows:,} of them under former keys" if status.former_rows else "all under the newest key"
    return Part("vault", True, f"{where[:1].upper()}{where[1:]} answers: {newest}; {total:,} rows, {former}.")
