"""Watches one venue's quotes for the worker and fires each alert once per crossing.

The rules are read again at most once a second, so a rule may be a moment older than our knowledge of it: what crossed
in that moment is judged when the rule is learned, by the newest price of its symbol.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

import orjson
import structlog
from redis.exceptions import RedisError

from starkmatter.alerts import queries
from starkmatter.alerts.records import WatchedAlert
from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs, utc_now
from starkmatter.domain.alerts import judge, measured, rule_words
from starkmatter.domain.money import money_text
from starkmatter.domain.quotes import Quote, Venue, VenueClock
from starkmatter.domain.sessions import EXCHANGE_ZONE, exchange_day
from starkmatter.errors import Unavailable
from starkmatter.market.actions.telling import newest_telling

CHANNEL = "alerts:{user_id}"
LOOK_SECS = 1.0

log = structlog.get_logger("alerts")


class AlertWatch:
    """Fed with every batch of its venue. What it knows is read again when any alert changed."""

    def __init__(self, b: Backends, venue: Venue) -> None:
        self._b = b
        self._venue: Venue = venue
        self._alerts: dict[str, dict[UUID, WatchedAlert]] = {}
        self._newest: dict[str, Quote] = {}
        self._run_id: int | None = None
        self._version: object = None
        self._looked_at = float("-inf")
        self._split_at: tuple[date, int] | None = None

    async def on_quotes(self, clock: VenueClock, quotes: Mapping[str, Quote]) -> None:
        """Judge the alerts of these symbols. Never raises for a server that is away: the next batch tries again."""
        if clock.run_id != self._run_id:  # another market begins: the former one's prices say nothing of it
            self._run_id = clock.run_id
            self._newest.clear()
        self._newest.update(quotes)
        try:
            learned = await self._follow_changes(exchange_day(clock.venue_now))
            for symbol, quote in {**quotes, **{one: self._newest[one] for one in learned}}.items():
                for alert in tuple(self._alerts.get(symbol, {}).values()):
                    await self._judge(alert, quote, clock.venue_now)
        except Unavailable:
            self._version = None  # what was not judged now is judged when the rules can be read again
            log.debug("alerts wait", venue=self._venue, why="the database does not answer")

    async def _follow_changes(self, today: date) -> set[str]:
        """Read the rules again where any changed: the symbols to be judged anew, of those whose price is known.

        Prices that are waited for follow the splits of the day before anything of it is judged.
        """
        soon = monotonic_secs() - self._looked_at < LOOK_SECS
        if soon and self._split_at is not None and self._split_at[0] == today:
            return set()
        await self._follow_splits(today)
        learned: set[str] = set()
        (version,) = await self._b.db.tuples(queries.VERSION, (self._venue,))
        if version != self._version:
            found: dict[str, dict[UUID, WatchedAlert]] = defaultdict(dict)
            for alert in await self._b.db.all(WatchedAlert, queries.WATCHED, (self._venue,)):
                found[alert.symbol][alert.id] = alert
            self._alerts, self._version = dict(found), version
            learned = found.keys() & self._newest.keys()
        self._looked_at = monotonic_secs()
        return learned

    async def _follow_splits(self, today: date) -> None:
        """The replay has none: its prices are in shares of today."""
        done = (today, await newest_telling(self._b.db) if self._venue == "market" else 0)
        if done == self._split_at:
            return
        asked = {"venue": self._venue, "today": today, "zone": EXCHANGE_ZONE.key, "now": utc_now()}
        while self._venue == "market" and await self._b.db.run(queries.FOLLOW_SPLITS, asked):
            self._version = None
        self._split_at = done

    async def _judge(self, alert: WatchedAlert, quote: Quote, venue_at: datetime) -> None:
        verdict = judge(alert.rule, quote, armed=alert.armed)
        if verdict == "fire":
            await self._fire(alert, quote, venue_at)
        elif verdict == "rearm":
            await self._b.db.run(queries.REARM, (alert.id,))
            self._alerts[alert.symbol][alert.id] = replace(alert, armed=True)

    async def _fire(self, alert: WatchedAlert, quote: Quote, venue_at: datetime) -> None:
        """The crossing and its mail in one transaction, then a word to the person's open pages."""
        now = utc_now()
        words = rule_words(alert.symbol, alert.rule)
        async with self._b.db.transaction() as connection:
            row = await (
                await connection.execute(
                    queries.FIRE,
                    {"id": alert.id, "words": words, "price": quote.last, "venue_at": venue_at, "now": now},
                )
            ).fetchone()
            if row is not None and alert.by_mail:
                mail = {
                    "key": f"alert:{row[0]}",
                    "user": alert.user_id,
                    "subject": f"{self._label}{words}",
                    "body": self._body(alert, words, quote, venue_at),
                    "now": now,
                }
                await connection.execute(queries.PUT_MAIL, mail)
        self._alerts[alert.symbol][alert.id] = replace(alert, armed=False)
        if row is not None:
            await self._announce(alert, words, quote)

    @property
    def _label(self) -> str:
        return "[REPLAY] " if self._venue == "replay" else ""

    def _body(self, alert: WatchedAlert, words: str, quote: Quote, venue_at: datetime) -> str:
        local = venue_at.astimezone(EXCHANGE_ZONE)
        value = measured(alert.rule, quote)
        moved = f" ({value:+.2f} % today)" if alert.kind.endswith("_pct") and value is not None else ""
        lines = [
            f"{words}.",
            "",
            f"Last price: {money_text(quote.last)}{moved}, from {quote.provider}.",
            f"Market time: {local:%Y-%m-%d %H:%M:%S} in New York.",
        ]
        if self._venue == "replay":
            lines.append("This is the replay market: a day of the past, played again.")
        if alert.note:
            lines += ["", f"Your note: {alert.note}"]
        ends = "It will tell you again at the next crossing." if alert.repeats else "It has done its work and rests."
        return "\n".join([*lines, "", ends, f"{self._b.settings.browser_url}/alerts", ""])

    async def _announce(self, alert: WatchedAlert, words: str, quote: Quote) -> None:
        body = {"alert_id": alert.id, "symbol": alert.symbol, "words": words, "price": money_text(quote.last)}
        try:
            await self._b.cache.publish(CHANNEL.format(user_id=alert.user_id), orjson.dumps(body))
        except (RedisError, OSError) as error:
            log.debug("not announced", error=type(error).__name__)
