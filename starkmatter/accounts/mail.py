"""Mail through the operator's own SMTP server; without one nothing is sent and callers are told."""

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.vault import Secrets, open_secret
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.errors import NotFound

KIND = "smtp"
SECURITY = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A PDF that goes with a mail."""

    name: str
    content: bytes


async def can_mail(b: Backends) -> bool:
    """Whether an SMTP server is connected."""
    return await open_secret(b, KIND) is not None


async def send_mail(b: Backends, to: str, subject: str, text: str, attachment: Attachment | None = None) -> None:
    """Send one plain mail. NotFound when no server is connected, VendorFailure when it did not take the mail."""
    from starkmatter.accounts.smtp import Connected  # its library is 1 MB, loaded with the first mail

    secrets = await open_secret(b, KIND)
    if secrets is None:
        raise NotFound("No mail server is connected.")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = secrets["sender"], to, _one_line(subject)
    message["Date"], message["Message-ID"] = utc_now(), make_msgid(domain=secrets["sender"].rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    if attachment is not None:
        message.add_attachment(attachment.content, maintype="application", subtype="pdf", filename=attachment.name)
    async with Connected(secrets) as server:
        await server.send(message)


async def test_mail(b: Backends, secrets: Secrets) -> str:
    """Connect, encrypt and sign in; nothing is sent."""
    from starkmatter.accounts.smtp import Connected  # see above

    async with Connected(secrets) as server:
        await server.noop()
    return f"{secrets['host']} lets us send as {secrets['sender']}."


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


CONNECTION = ConnectionKind(
    kind=KIND,
    title="Mail (SMTP)",
    scope="installation",
    adds="With a mail server, alerts, the daily summary and reports reach people by mail.",
    fields=(
        ConnectionField("host", "Server", secret=False, hint="smtp.example.org"),
        ConnectionField("port", "Port", secret=False, default="587"),
        ConnectionField("security", "Encryption", secret=False, default="starttls", choices=SECURITY),
        ConnectionField("user", "User name", secret=False, required=False),
        ConnectionField("password", "Password", required=False),
        ConnectionField("sender", "Sender", secret=False, hint="alerts@example.org"),
    ),
    test=test_mail,
    where="Your mail provider's settings for sending.",
)
