"""Every account at a real broker at work: one desk each, with its own stream, outbox and reconciliation.

Nothing is sent before both books agree, and nothing while they do not or the broker cannot be read. One account's
trouble is that account's alone.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from psycopg import Error as DatabaseError
from redis.exceptions import RedisError

from starkmatter.accounts.vault import Secrets, open_secret
from starkmatter.backends import Backends
from starkmatter.clock import monotonic_secs
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import ConfigError, Refused, StarkMatterError, Unavailable
from starkmatter.ops.seldom import Seldom
from starkmatter.trading import broker_queries
from starkmatter.trading.brokers.catalog import OPENERS, TITLES
from starkmatter.trading.desk import OrderDesk, Pace
from starkmatter.trading.events import WAKE_CHANNEL
from starkmatter.trading.freeze import freeze_account
from starkmatter.trading.ports import Broker, BrokerOrder, SeveralAlike, SignInEnded
from starkmatter.trading.reconcile import Reconciler
from starkmatter.trading.sent import SentFromHere

SAY_EVERY_SECS = 60.0
VENUE = "market"
WRONG_MODE = "This account was opened as {0} and the keys are of a {1} account: connect the {0} account again."

log = structlog.get_logger("broker")
Confirm = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class BrokeredAccount:
    """An open account at a real broker, as stored."""

    account_id: UUID
    user_id: UUID
    broker: str
    mode: str
    currency: str
    state: str
    words: str
    number: str | None
    activity_id: str | None
    activity_at: datetime | None
    accept_asked_at: datetime | None
    checked_at: datetime | None


class AccountDesk:
    """One account: `run` until cancelled."""

    def __init__(self, b: Backends, account: BrokeredAccount, broker: Broker, confirm: Confirm, pace: Pace) -> None:
        self._b = b
        self._id = account.account_id
        self._broker = broker
        self._confirm = confirm
        self._pace = pace
        self._desk = OrderDesk(b, account.account_id, broker, confirm, pace)
        self._reconciler = Reconciler(b, account.account_id, account.currency, broker, self._desk, confirm, pace)
        self._opening = account.number is None
        self._agreed = False
        self._check = asyncio.Event()
        self._wake = asyncio.Event()
        self._checked_at = float("-inf")

    def wake(self) -> None:
        """The outbox may have work."""
        self._wake.set()

    def check(self) -> None:
        """Hold the books against each other soon: a person asked, or accepted."""
        self._check.set()
        self._wake.set()

    async def run(self) -> None:
        """Listen and work side by side; whatever ends it, the broker's place is free again afterwards."""
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self._listen())
                parts.create_task(self._work())
        finally:
            await self._broker.close()

    async def _listen(self) -> None:
        wait_secs, longest = self._pace.reconnect_secs
        while True:
            started = monotonic_secs()
            try:
                await self._broker.listen(self._on_order, self._on_connected)
            except StarkMatterError as error:
                # What is more than a lost connection is said by the other half, which meets it as well.
                kind = error.kind if isinstance(error, VendorFailure) else error.code
                log.info("stream lost", account_id=str(self._id), kind=kind)
                self.check()  # Whether the broker is there at all is seen by whoever asks for the book.
            if monotonic_secs() - started > longest:
                wait_secs = self._pace.reconnect_secs[0]
            await asyncio.sleep(wait_secs)
            wait_secs = min(wait_secs * 2, longest)

    async def _on_connected(self) -> None:
        # Events may have been missed: nothing is sent before the books were held against each other.
        self._agreed = False
        self.check()

    async def _on_order(self, report: BrokerOrder) -> None:
        await self._confirm()
        try:
            await self._desk.on_order(report)
        except Unavailable:
            self.check()  # Not booked: the next comparison makes it good.
        except (DatabaseError, ValueError) as error:
            await self._freeze(error)

    async def _work(self) -> None:
        stranded = True
        while True:
            try:
                if stranded:
                    await self._desk.strand()
                    stranded = False
                await self._step()
            except SignInEnded as ended:
                await self._away(ended.text, state="signed_out")
                await self._until_asked()
            except SeveralAlike:
                self._check.set()  # The comparison makes it a difference, which a person sees.
            except VendorFailure as failure:
                await self._away(failure.text)
                await asyncio.sleep(self._pace.retry_secs)
            except Unavailable:
                self._check.set()
                await asyncio.sleep(self._pace.retry_secs)
            except StarkMatterError as error:
                await self._away(error.text)
                await self._until_asked()
            except (DatabaseError, ValueError) as error:
                await self._freeze(error)
                await self._until_asked()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pace.poll_secs):
                    await self._wake.wait()
            self._wake.clear()

    async def _step(self) -> None:
        """Compare the books when it is time to, then do what the outbox asks for."""
        every_secs = self._pace.check_every_secs if self._agreed else self._pace.apart_every_secs
        if self._check.is_set() or monotonic_secs() - self._checked_at > every_secs:
            try:
                await self._reconcile()
            except VendorFailure:
                # Whoever ordered is told in time that nothing was sent, however long the broker is away.
                await self._desk.drain(sending=False)
                raise
        await self._desk.drain(sending=self._agreed)

    async def _reconcile(self) -> None:
        """Nothing is sent from here on until the books agree."""
        self._check.clear()
        self._agreed, self._checked_at = False, float("-inf")
        row = next((one for one in await open_accounts(self._b) if one.account_id == self._id), None)
        if row is None:
            return
        self._opening = row.number is None
        self._agreed = await self._reconciler.reconcile(number=row.number, accept=row.accept_asked_at is not None)
        self._checked_at = monotonic_secs()

    async def _until_asked(self) -> None:
        """Wait for a person, or a minute."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.check_every_secs):
                await self._check.wait()

    async def _away(self, words: str, *, state: str = "away") -> None:
        self._agreed = False
        if self._opening and state == "away":
            state = "opening"
        with contextlib.suppress(Unavailable):
            await set_state(self._b, self._id, state, words)

    async def _freeze(self, error: Exception) -> None:
        """A booking the database refuses is a broken invariant: stop this account, keep cancels possible."""
        self._agreed = False
        log.error("account frozen", account_id=str(self._id), error=str(error)[:200])
        with contextlib.suppress(Unavailable):
            await freeze_account(
                self._b.db, self._id, "A booking did not pass its checks. Ask the operator to look at the log."
            )


class BrokerHouse:
    """Starts a desk for each open account whose keys are there, and starts it anew when they change."""

    def __init__(self, b: Backends, confirm: Confirm, pace: Pace | None = None) -> None:
        self._b = b
        self._confirm = confirm
        self._pace = pace or Pace(b.settings.look_after_secs)
        self._desks: dict[UUID, tuple[str, AccountDesk, asyncio.Task[None]]] = {}
        self._seldom = Seldom(SAY_EVERY_SECS)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        waking = asyncio.create_task(self._pass_on_wakes(stop))
        try:
            while not stop.is_set():
                try:
                    await self._look()
                except Unavailable:
                    log.debug("accounts not read", why="the database does not answer")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._pace.accounts_every_secs)
        finally:
            waking.cancel()
            for account_id in tuple(self._desks):
                await self._end(account_id)

    async def _look(self) -> None:
        accounts = {one.account_id: one for one in await open_accounts(self._b)}
        for account_id in self._desks.keys() - accounts.keys():
            await self._end(account_id)
        for account in accounts.values():
            await self._keep(account)

    async def _keep(self, account: BrokeredAccount) -> None:
        """Have the right desk running for this account."""
        title = TITLES.get(account.broker, account.broker)
        running = self._desks.get(account.account_id)
        try:
            secrets = await open_secret(self._b, account.broker, account.user_id)
        except ConfigError as error:
            secrets, words = None, error.text
        else:
            words = f"{title} is not connected: enter its keys under Settings, Connections. Nothing is sent meanwhile."
        if secrets is None or account.broker not in OPENERS:
            if running is not None:
                await self._end(account.account_id)
            if account.words != words:
                state = "opening" if account.number is None else "away"
                await set_state(self._b, account.account_id, state, words)
            return
        if running is not None and running[0] == secrets.fingerprint and not running[2].done():
            if account.accept_asked_at is not None:
                running[1].check()
            return
        await self._end(account.account_id)
        await self._begin(account, secrets)

    async def _begin(self, account: BrokeredAccount, secrets: Secrets) -> None:
        await self._confirm()
        try:
            broker = OPENERS[account.broker](self._b.settings, secrets, SentFromHere(self._b.db, account.account_id))
            if broker.live is not (account.mode == "live"):
                raise Refused(WRONG_MODE.format(account.mode, "live" if broker.live else "paper"))
        except StarkMatterError as error:
            if account.words != error.text:
                await set_state(self._b, account.account_id, "away", error.text)
            return
        desk = AccountDesk(self._b, account, broker, self._confirm, self._pace)
        task = asyncio.create_task(desk.run())
        self._desks[account.account_id] = (secrets.fingerprint, desk, task)

    async def _end(self, account_id: UUID) -> None:
        running = self._desks.pop(account_id, None)
        if running is None:
            return
        task = running[2]
        task.cancel()
        for error in await asyncio.gather(task, return_exceptions=True):
            if isinstance(error, Exception) and (more := self._seldom.take()) is not None:
                log.error("desk ended", account_id=str(account_id), error=_reasons(error), more_like_it=more)

    async def _pass_on_wakes(self, stop: asyncio.Event) -> None:
        """Somebody wrote into the outbox of this venue: every desk looks. Without the cache they look by themselves."""
        while not stop.is_set():
            pubsub = self._b.cache.pubsub(ignore_subscribe_messages=True)
            try:
                await pubsub.subscribe(WAKE_CHANNEL.format(venue=VENUE))
                while not stop.is_set():
                    if await pubsub.get_message(timeout=self._pace.poll_secs) is not None:
                        for _, desk, _ in self._desks.values():
                            desk.wake()
            except (RedisError, OSError):
                await asyncio.sleep(self._pace.retry_secs)
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]


async def open_accounts(b: Backends) -> list[BrokeredAccount]:
    """Every open account at a real broker."""
    return await b.db.all(BrokeredAccount, broker_queries.BROKER_ACCOUNTS)


async def set_state(b: Backends, account_id: UUID, state: str, words: str) -> None:
    """Say how the account stands, for its owner."""
    await b.db.run(
        broker_queries.SET_BROKER_STATE,
        {
            "account": account_id,
            "state": state,
            "words": words,
            "differences": "[]",
            "external": None,
            "checked_at": None,
        },
    )


def _reasons(error: Exception) -> str:
    """What went wrong in the parts of a desk, without the wrapping of the group."""
    inside = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
    return "; ".join(f"{type(one).__name__}: {one}"[:200] for one in inside)
