"""What goes over the wire about the timetable and its runs."""

from starkmatter.api.schemas import Answer, Instant


class JobRunOut(Answer):
    id: int
    job: str
    scheduled_for: Instant
    asked_at: Instant
    claimed_at: Instant | None
    finished_at: Instant | None
    outcome: str | None
    words: str
    duration_ms: int | None
    asked: bool


class JobOut(Answer):
    name: str
    about: str
    when: str
    next_at: Instant | None
    latest: JobRunOut | None
