"""What goes over the wire about reports: schedules by mail, and links for people without an account."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from starkmatter.api.schemas import Answer, Instant, Request
from starkmatter.portfolio.reporting.wishes import MAX_BENCHMARK_CHARS

SectionName = Literal["summary", "performance", "allocation", "activity", "income", "gains", "fees", "risk"]
Sections = list[SectionName]


class _Wished(Request):
    """What a report is of; no sections: all of them."""

    account_ids: list[UUID] = Field(min_length=1, max_length=10)
    sections: Sections | None = Field(default=None, min_length=1, max_length=8)
    benchmark: str | None = Field(default=None, max_length=MAX_BENCHMARK_CHARS)
    amounts: bool = True


class NewSchedule(_Wished):
    """A report to be mailed to oneself after each such period."""

    every: Literal["week", "month", "quarter", "year"]


class ScheduleOut(Answer):
    id: UUID
    account_ids: list[UUID]
    every: str
    sections: list[str]
    benchmark: str | None
    amounts: bool
    done_until: date
    created_at: Instant
    last_at: Instant | None
    words: str
    mail: str
    mail_words: str


class NewLink(_Wished):
    """A link to one report, `period` as in `GET /portfolio/report.html`."""

    period: str = Field(max_length=30)
    label: str = Field(min_length=1, max_length=60)
    expires_days: int = Field(default=30, ge=1, le=365)


class LinkOut(Answer):
    id: UUID
    hint: str
    label: str
    account_ids: list[UUID]
    period: str
    sections: list[str]
    benchmark: str | None
    amounts: bool
    created_at: Instant
    expires_at: Instant
    last_used_at: Instant | None
    last_used_ip: str | None
    uses: int


class LinkMade(LinkOut):
    """With its address, shown this once."""

    url: str
