"""The errors a person may see: each carries one sentence to act on and a stable code."""

from collections.abc import Mapping


class StarkMatterError(Exception):
    """Base of every expected failure. `status` is the HTTP status, `code` the problem+json type slug."""

    status = 500
    code = "internal"
    title = "Something went wrong"

    def __init__(self, text: str, *, code: str | None = None, details: Mapping[str, object] | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.code = code or type(self).code
        self.details = dict(details or {})


class InvalidInput(StarkMatterError):
    """What was sent cannot be understood or breaks a rule of form; nothing was changed."""

    status = 422
    code = "invalid_input"
    title = "Invalid input"


class NotSignedIn(StarkMatterError):
    """No valid session or token."""

    status = 401
    code = "not_signed_in"
    title = "Sign in first"


class NotAllowed(StarkMatterError):
    """The caller is known but may not do this."""

    status = 403
    code = "not_allowed"
    title = "Not allowed"


class NotFound(StarkMatterError):
    """Absent, or somebody else's: the answer is the same on purpose."""

    status = 404
    code = "not_found"
    title = "Not found"


class Conflict(StarkMatterError):
    """The request is fine but the present state does not admit it."""

    status = 409
    code = "conflict"
    title = "Conflict"


class Refused(StarkMatterError):
    """A risk rule or a market rule said no; the text says which and what would be allowed."""

    status = 422
    code = "refused"
    title = "Refused"


class TooMany(StarkMatterError):
    """Too often in too short a time; `details["retry_after_secs"]` says how long to wait."""

    status = 429
    code = "too_many_tries"
    title = "Too many tries"


class Unavailable(StarkMatterError):
    """A part this needs is down or slow; the same call may work later."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"


class ConfigError(StarkMatterError):
    """A setting or the environment is unusable; the text names it. The process exits with `exit_code`."""

    code = "config"
    title = "Configuration"

    def __init__(self, text: str, *, exit_code: int = 2) -> None:
        super().__init__(text)
        self.exit_code = exit_code
