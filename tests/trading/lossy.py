"""A database that commits a booking and loses the answer."""

import json
from typing import Any
from uuid import UUID

from starkmatter.db.database import Database
from starkmatter.errors import Unavailable


class LossyDatabase:
    """The broker's database: it notes in which order fills are booked, and loses the answer to a booking when told."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.lose_next = False
        self.lost = 0
        self.turns: dict[UUID, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    async def tuples(self, sql: Any, params: Any = ()) -> list[tuple[Any, ...]]:
        rows = await self._db.tuples(sql, params)
        if "book_executions" not in sql:
            return rows
        for item in json.loads(params[0]):
            if "fill" in item:
                self.turns.setdefault(UUID(item["fill"]), len(self.turns))
        if self.lose_next:
            self.lose_next = False
            self.lost += 1
            raise Unavailable("The connection broke after the commit.")
        return rows
