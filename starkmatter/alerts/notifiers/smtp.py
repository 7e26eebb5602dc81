"""Mail through the operator's own SMTP server."""

from starkmatter.accounts.mail import KIND, Attachment, can_mail, send_mail
from starkmatter.backends import Backends
from starkmatter.egress.capability import Capability

CAPABILITY = Capability(
    port="mail",
    adapter=KIND,
    vendor="Any SMTP server",
    client="aiosmtplib",
    connection=KIND,
    gives=("alerts", "daily summary", "reports"),
    limits="The server's own",
    notes="STARTTLS or TLS; without encryption only to a server on this machine.",
)


class SmtpNotifier:
    """See the port."""

    capability = CAPABILITY

    async def is_ready(self, b: Backends) -> bool:
        return await can_mail(b)

    async def send(self, b: Backends, to: str, subject: str, text: str, attachment: Attachment | None = None) -> None:
        await send_mail(b, to, subject, text, attachment)
