"""What REST tells of market data's health, and how its sources are put in order."""

from starkmatter.api.schemas import Answer, Instant, Request


class SourceOut(Answer):
    adapter: str
    vendor: str
    place: int
    connected: bool
    state: str
    words: str
    answers: int
    failures: int
    refused: int
    suspects: int
    last_ok_at: Instant | None
    last_failed_at: Instant | None
    failed_words: str
    newest_age_secs: float | None
    minute_used: int
    minute_limit: float | None
    day_used: int
    day_limit: int | None


class RefusalOut(Answer):
    provider: str
    symbol: str
    what: str
    reason: str
    excerpt: str
    at: Instant
    times: int


class DataHealthOut(Answer):
    told_at: Instant | None
    note: str
    sources: list[SourceOut]
    refusals: list[RefusalOut]


class SourceOrder(Request):
    order: list[str]
