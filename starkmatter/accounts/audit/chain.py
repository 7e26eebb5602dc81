"""Checks the chain: every row hashes to what it says, follows the one before it, and is the one that was anchored.

This is the canonical form of `alembic/sql/0012_audit.sql` once more, in another language and outside of the database:
who changes rows cannot make the check agree by changing the function that wrote them.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC
from hashlib import sha256

from starkmatter.accounts.audit.records import Anchor, ChainRow, Verdict

NO_HASH = bytes(32)


def canonical(row: ChainRow) -> bytes:
    """The bytes a row is hashed as: each field with its length, a dash for none."""
    fields = (
        str(row.sequence),
        row.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        None if row.actor_id is None else str(row.actor_id),
        row.actor_name,
        row.via,
        row.ip,
        row.action,
        row.subject_type,
        row.subject_id,
        row.before,
        row.after,
        row.source,
    )
    encoded = (None if field is None else field.encode() for field in fields)
    return b",".join(b"-" if one is None else b"%d:%b" % (len(one), one) for one in encoded)


def hash_of(row: ChainRow) -> bytes:
    """SHA-256 over the former row's hash and this row."""
    return sha256(row.previous_hash + canonical(row)).digest()


class ChainCheck:
    """Takes the rows in order, as many at a time as one likes, and stops at the first that is not as it was."""

    def __init__(self, anchors: Sequence[Anchor] = ()) -> None:
        self._anchors = {one.sequence: one for one in anchors}
        self._newest = max(anchors, key=lambda one: one.sequence, default=None)
        self._last: ChainRow | None = None
        self._bad: tuple[int, str] | None = None
        self._sure = 0

    @property
    def broken(self) -> bool:
        return self._bad is not None

    @property
    def last_sequence(self) -> int:
        return self._last.sequence if self._last else 0

    def take(self, rows: Iterable[ChainRow]) -> None:
        """The next rows."""
        for row in rows:
            if self._bad is not None:
                return
            self._bad = self._fault(row)
            if self._bad is None:
                self._last = row

    def end(self) -> Verdict:
        """There are no more."""
        last, newest = self._last, self._newest
        if self._bad is None and newest is not None and newest.sequence > self.last_sequence:
            self._bad = (
                self.last_sequence + 1,
                f"is missing: the log ends before it, but at {newest.at:%Y-%m-%d %H:%M} UTC its last row was "
                f"{newest.sequence:,}. Rows were removed, or an older backup was brought back. {self._doubt}",
            )
        head = Anchor(last.sequence, last.hash.hex(), last.at) if last else None
        bad, words = self._bad or (None, "")
        sound = self.last_sequence if bad is None else bad - 1
        return Verdict(sound, len(self._anchors), head, bad, f"Row {bad:,} {words}" if bad else "")

    def _fault(self, row: ChainRow) -> tuple[int, str] | None:
        expected = self.last_sequence + 1
        if row.sequence > expected:
            return expected, "is missing."
        if row.sequence < expected:
            return expected, "is not where it belongs."
        if hash_of(row) != row.hash:
            return expected, "was changed: it does not hash to what it says."
        if row.previous_hash != (self._last.hash if self._last else NO_HASH):
            # The row itself is sound, so what it was chained to is no longer what stands before it.
            return max(expected - 1, 1), "is not the row that the next one was chained to."
        anchor = self._anchors.get(row.sequence)
        if anchor is not None and anchor.hash != row.hash.hex():
            return expected, f"is not the one that was anchored at {anchor.at:%Y-%m-%d %H:%M} UTC. {self._doubt}"
        if anchor is not None:
            self._sure = row.sequence
        return None

    @property
    def _doubt(self) -> str:
        """A chain that was computed anew is sound in itself, so the doubt reaches back to the anchor before."""
        return f"Rows after {self._sure:,} may be others than were written."
