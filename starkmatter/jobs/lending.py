"""Tells owners what they have to hear of a call or of a corporate action: on their open pages, and by mail."""

from collections.abc import Iterable

import orjson
import structlog
from redis.exceptions import RedisError

from starkmatter.alerts.mailroom import post_mail
from starkmatter.alerts.service import mail_is_ready
from starkmatter.alerts.watch import CHANNEL
from starkmatter.backends import Backends
from starkmatter.errors import Unavailable
from starkmatter.trading.corporate.records import Heard
from starkmatter.trading.lending.calls import Told

log = structlog.get_logger("owners")


async def tell_owners(b: Backends, told: Iterable[Told | Heard]) -> None:
    """Each thing once: its key is the mail's. The account's pages show calls and actions in any case."""
    for one in told:
        log.info("told", key=one.key)
        try:
            if await mail_is_ready(b):
                body = f"{one.words}\n\n{b.settings.browser_url}/portfolio\n"
                await post_mail(b, one.key, one.user_id, one.subject, body)
            said = orjson.dumps({"words": one.words})
            await b.cache.publish(CHANNEL.format(user_id=one.user_id), said)
        except (RedisError, OSError, Unavailable) as error:
            log.warning("an owner was not told", key=one.key, error=type(error).__name__)
