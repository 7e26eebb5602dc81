"""One log stream: readable in a terminal, JSON lines otherwise; never a secret, a header or a long payload."""

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from starkmatter.clock import monotonic_secs
from starkmatter.settings import Settings

PAYLOAD_MAX_CHARS = 256
EXCEPTION_MAX_LINES = 60
UNKNOWN_EVENT_EVERY_SECS = 1.0
QUIET_PATHS = ("/assets/", "/healthz", "/metrics", "/_event")
DROPPED_KEYS = frozenset({"cookie", "set-cookie", "set_cookie", "authorization", "headers", "rx_headers"})
SECRET_KEYS = re.compile(r"password|passphrase|secret|token|api_?key|private_?key|otp|recovery", re.IGNORECASE)
CHATTY = (
    "alembic",
    "apscheduler",
    "anthropic",
    "authlib",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "psycopg",
    "schwab",
    "ib_async",
    "uvicorn.error",
    "websockets",
    "engineio",
    "socketio",
)
MASK = "***"
REDACTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(sm[klr]_)[A-Za-z0-9_-]+"), r"\1" + MASK),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), "eyJ" + MASK),
    (re.compile(r"\bsk-[A-Za-z0-9_-]{8,}"), "sk-" + MASK),
    (re.compile(r"(?i)\bbearer\s+[^\s'\",;]+"), "Bearer " + MASK),
    (re.compile(r"(?i)(://[^\s/:@]*):[^\s/@]+@"), r"\1:" + MASK + "@"),
    (re.compile(r"(?i)([?&](?:token|code|state|key|secret|password)=)[^&\s'\"]+"), r"\1" + MASK),
    (re.compile(r"(?i)(['\"]?(?:set-)?cookie['\"]?\s*[:=]\s*)('[^']*'|\"[^\"]*\"|[^\r\n]+)"), r"\1" + MASK),
    (re.compile(r"(?i)(['\"]?authorization['\"]?\s*[:=]\s*)('[^']*'|\"[^\"]*\"|[^\r\n]+)"), r"\1" + MASK),
    (
        re.compile(r"(?i)(['\"]?\w*(?:password|secret|api_?key)['\"]?\s*[:=]\s*)('[^']*'|\"[^\"]*\"|[^\s,}]+)"),
        r"\1" + MASK,
    ),
)

Event = MutableMapping[str, Any]


def redact(text: str) -> str:
    """`text` without tokens, passwords, cookies and authorization values."""
    for pattern, replacement in REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


def shorten(text: str) -> str:
    """`text` cut to what a log line may carry of a payload."""
    if len(text) <= PAYLOAD_MAX_CHARS:
        return text
    return f"{text[:PAYLOAD_MAX_CHARS]}… ({len(text) - PAYLOAD_MAX_CHARS} more)"


def log_format(settings: Settings) -> str:
    """`human` or `json`: as set, else by whether a person watches."""
    if settings.log_format != "auto":
        return settings.log_format
    return "human" if sys.stdout.isatty() else "json"


def configure_logging(settings: Settings, process: str) -> None:
    """Route structlog, the standard library and uvicorn of this process into one stream on standard output."""
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(process),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _clean,
                *_rendering(log_format(settings)),
            ],
        )
    )
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            # Whatever a library configured for itself gives way: one stream, and nobody is left silent.
            logger.handlers.clear()
            logger.disabled, logger.propagate = False, True
            logger.setLevel(logging.NOTSET)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    handler.addFilter(UnknownEventFilter())
    handler.addFilter(_without_query)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.raiseExceptions = False


def _named(process: str) -> Processor:
    def add_process(_logger: Any, _method: str, event: Event) -> Event:
        event.setdefault("process", process)
        return event

    return add_process


def _rendering(form: str) -> list[Processor]:
    if form == "json":
        return [_message_first, structlog.processors.JSONRenderer(default=str)]
    return [human_line]


def _message_first(_logger: Any, _method: str, event: Event) -> Event:
    first = {name: event.pop(name, "") for name in ("timestamp", "level", "process")}
    return {**first, "message": event.pop("event", ""), **event}


def human_line(_logger: Any, _method: str, event: Event) -> str:
    """`12:34:56 web      warning  what happened  key=value`, then a traceback if there is one."""
    at = str(event.pop("timestamp", ""))[11:19]
    process, level = event.pop("process", ""), event.pop("level", "info")
    text, exception = event.pop("event", ""), event.pop("exception", None)
    pairs = "  ".join(f"{name}={value}" for name, value in event.items())
    line = f"{at} {process:<10} {level:<7} {text}" + (f"  {pairs}" if pairs else "")
    return f"{line}\n{exception}" if exception else line


def _clean(_logger: Any, _method: str, event: Event) -> Event:
    for name in list(event):
        if name.lower() in DROPPED_KEYS:
            del event[name]
        elif SECRET_KEYS.search(name):
            event[name] = MASK
        elif name == "exception":
            event[name] = _clean_exception(str(event[name]))
        elif not isinstance(event[name], bool | int | float | None):
            event[name] = shorten(redact(str(event[name])))
    return event


def _clean_exception(text: str) -> str:
    lines = redact(text).splitlines()
    if len(lines) > EXCEPTION_MAX_LINES:
        lines = [*lines[:5], "  …", *lines[-EXCEPTION_MAX_LINES + 6 :]]
    return "\n".join(shorten(line) for line in lines)


def _without_query(record: logging.LogRecord) -> bool:
    """Uvicorn's access log without query strings, and without the requests nobody asks about."""
    if record.name != "uvicorn.access" or not isinstance(record.args, tuple) or len(record.args) != 5:
        return True
    client, method, target, http_version, status = record.args
    path = str(target).partition("?")[0]
    record.args = (client, method, path, http_version, status)
    return not (path.startswith(QUIET_PATHS) and isinstance(status, int) and status < 400)


class UnknownEventFilter(logging.Filter):
    """Turns Reflex's report of an event that no handler takes into one short line, at most one per second.

    The original carries the whole payload and the request's headers, cookies included.
    """

    def __init__(self, monotonic_secs: Callable[[], float] = monotonic_secs) -> None:
        super().__init__()
        self._monotonic_secs = monotonic_secs
        self._next_at = 0.0
        self._suppressed = 0

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.msg if isinstance(record.msg, str) else ""
        if not (record.name.startswith("reflex") and _is_about_a_foreign_event(text)):
            return True
        now = self._monotonic_secs()
        if now < self._next_at:
            self._suppressed += 1
            return False
        self._next_at = now + UNKNOWN_EVENT_EVERY_SECS
        more = f" ({self._suppressed} more like it)" if self._suppressed else ""
        self._suppressed = 0
        record.msg, record.args = f"Refused an event: {_event_name(record)}{more}", ()
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = record.exc_text = None
        return True


def _is_about_a_foreign_event(text: str) -> bool:
    return text.startswith(("Error processing event queue entry", "Received event", "Failed to deserialize event"))


def _event_name(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    match = re.search(r"No registered handler found for event: ([\w.]{1,80})", str(error or ""))
    return f"unknown name {match.group(1)}" if match else "malformed"
