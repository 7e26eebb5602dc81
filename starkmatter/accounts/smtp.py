"""One connection to the operator's SMTP server, open for as long as it is entered."""

from email.message import EmailMessage

import aiosmtplib

from starkmatter.accounts.vault import Secrets
from starkmatter.egress.failures import VendorFailure
from starkmatter.errors import InvalidInput
from starkmatter.settings import is_loopback

TIMEOUT_SECS = 10.0


class Connected:
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

    async def __aenter__(self) -> "Connected":
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
