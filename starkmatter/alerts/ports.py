"""What a way to reach a person must be able to do."""

from typing import Protocol

from starkmatter.accounts.mail import Attachment
from starkmatter.backends import Backends
from starkmatter.egress.capability import Capability


class Notifier(Protocol):
    """One way, set up once for the installation."""

    capability: Capability

    async def is_ready(self, b: Backends) -> bool:
        """Whether it is connected at all."""
        ...

    async def send(self, b: Backends, to: str, subject: str, text: str, attachment: Attachment | None = None) -> None:
        """Send one message, at most once. VendorFailure when it was not taken, NotFound when it is not connected."""
        ...
