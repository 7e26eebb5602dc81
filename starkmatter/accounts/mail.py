"""Mail through the operator's own SMTP server; without one nothing is sent and callers are told."""

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid

import aiosmtplib

from starkmatter.accounts.connections import ConnectionField, ConnectionKind
from starkmatter.accounts.vault import Secrets, open_secret
from starkmatter.backends import Backends
from starkmatter.clock import utc_now
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import InvalidInput, NotFound
from starkmatter.settings import is_loopback

KIND = "smtp"
TIMEOUT_SECS = 10.0
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
    async with _connected(secrets) as server:
        await server.send(message)


async def test_mail(b: Backends, secrets: Secrets) -> str:
    """Connect, encrypt and sign in; nothing is sent."""
    async with _connected(secrets) as server:
        await server.noop()
    return f"{secrets['host']} lets us send as {secrets['sender']}."


class _connected:
    """An open, signed-in connection; everything the library or the server says becomes a VendorFailure in words."""

    def __init__(self, secrets: Secrets) -> None:
        port = secrets["port"]
        if not port.isdigit() or not 0 < int(port) < 65_536:
            raise InvalidInput("The port is a number such as 587.")
        if "@" not in secrets["sender"]:
            raise InvalidInput("The sender is an address such as alerts@example.org.")
        security = secrets["security"]
        if security == "none" and not is_loopback(secrets["host"]):
            raise InvalidInput("Without encryption mail goes to a server on this machine only.")
        self._secrets = secrets
        self._client = aiosmtplib.SMTP(
            hostname=secrets["host"],
            port=int(port),
            timeout=TIMEOUT_SECS,
            use_tls=security == "tls",
            start_tls=security == "starttls",
        )

    async def __aenter__(self) -> "_connected":
        try:
            await self._client.connect()
            if self._secrets["user"]:
                await self._client.login(self._secrets["user"], self._secrets["password"])
        except (aiosmtplib.SMTPException, OSError) as error:
            self._client.close()
            raise self._failure(error) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.close()

    async def noop(self) -> None:
        await self._client.noop()

    async def send(self, message: EmailMessage) -> None:
        try:
            await self._client.send_message(message)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> VendorFailure:
        host = self._secrets["host"]
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            return VendorFailure(host, "refused", f"{host} does not accept this user name and password.")
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPSenderRefused):
            return VendorFailure(host, "refused", f"{host} does not take mail from or to these addresses.")
        if isinstance(error, aiosmtplib.SMTPConnectError | aiosmtplib.SMTPTimeoutError | OSError):
            return VendorFailure(host, "unreachable", f"{host} cannot be reached on port {self._secrets['port']}.")
        return VendorFailure(host, "broken", f"{host} did not take the mail.")


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
