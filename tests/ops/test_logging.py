"""What reaches the log, and what must not: secrets, headers, payloads and query strings."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from starkmatter.market.providers.sockets import quiet
from starkmatter.ops.logging import CHATTY, UnknownEventFilter, configure_logging, redact
from starkmatter.settings import Settings


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The one stream, in JSON, with the former logging put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    known = {name: logging.getLogger(name) for name in {*CHATTY, *logging.Logger.manager.loggerDict}}
    former = {name: (one.handlers[:], one.level, one.propagate, one.disabled) for name, one in known.items()}
    captured = io.StringIO()
    monkeypatch.setattr(sys, "stdout", captured)
    configure_logging(Settings(STARKMATTER_LOG_FORMAT="json", _env_file=None), "web")
    yield captured
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, (own, own_level, propagate, disabled) in former.items():
        known[name].handlers[:] = own
        known[name].setLevel(own_level)
        known[name].propagate, known[name].disabled = propagate, disabled
    monkeypatch.setattr(logging, "raiseExceptions", True)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_setting_up_the_log_does_not_wake_what_must_stay_silent(stream: io.StringIO) -> None:
    """A vendor's stream may carry its key, and the client library tells at DEBUG of all it sends."""
    configure_logging(Settings(STARKMATTER_LOG_LEVEL="debug", _env_file=None), "worker")
    quiet.critical("a key")
    assert stream.getvalue() == ""
    assert not quiet.isEnabledFor(logging.CRITICAL)


def test_structlog_and_the_standard_library_share_one_stream(stream: io.StringIO) -> None:
    structlog.get_logger("a").info("from structlog", qty=3)
    logging.getLogger("b").warning("from %s", "logging")
    first, second = events(stream)
    assert first | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "process": "web",
        "message": "from structlog",
        "qty": 3,
    }
    assert (second["message"], second["level"]) == ("from logging", "warning")


def test_libraries_that_talk_at_every_step_are_heard_from_a_warning_on(stream: io.StringIO) -> None:
    for name in ("uvicorn.error", "alembic.runtime.migration", "apscheduler.scheduler", "httpx"):
        logging.getLogger(name).info("step")
        logging.getLogger(name).warning("trouble")
    assert [event["message"] for event in events(stream)] == ["trouble"] * 4


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token smk_abcDEF123 used", "abcDEF123"),
        ("Authorization: Bearer abc.def.ghi", "abc.def.ghi"),
        ("postgresql://starkmatter:hunter22@host/db", "hunter22"),
        ("unix://:hunter22@/run/valkey.sock", "hunter22"),
        ("{'cookie': '__Host-session=hunter22; a=b'}", "hunter22"),
        ("GET /setup?token=hunter22 HTTP/1.1", "hunter22"),
        ("GET /shared/sml_hunter22abc/report.pdf HTTP/1.1", "hunter22abc"),
        ("password='hunter22'", "hunter22"),
        ('{"api_key": "hunter22"}', "hunter22"),
        ("key sk-ant-hunter22hunter22", "hunter22"),
    ],
)
def test_secrets_in_text_are_masked(text: str, secret: str) -> None:
    assert secret not in redact(text)


def test_the_token_of_a_shared_report_is_not_in_the_access_log(stream: io.StringIO) -> None:
    line = '%s - "%s %s HTTP/%s" %d'
    logging.getLogger("uvicorn.access").info(line, "192.0.2.1:1", "GET", "/shared/sml_hunter22abc?x=1", "1.1", 200)
    assert "hunter22abc" not in stream.getvalue()
    assert "/shared/sml_***" in stream.getvalue()


def test_secrets_headers_and_long_payloads_in_fields_do_not_pass(stream: io.StringIO) -> None:
    structlog.get_logger().info(
        "x", password="hunter22", cookie="hunter22", headers={"a": "hunter22"}, body="b" * 5000, note="smk_hunter22"
    )
    assert "hunter22" not in stream.getvalue()
    assert len(events(stream)[0]["body"]) < 300


def test_an_exception_keeps_its_traceback_but_not_the_secret_in_it(stream: io.StringIO) -> None:
    try:
        raise ValueError("cannot reach redis://:hunter22@host:6379 " + "x" * 1000)
    except ValueError:
        logging.getLogger("a").exception("failed")
    event = events(stream)[0]
    assert "test_logging.py" in event["exception"]
    assert "hunter22" not in event["exception"]
    assert max(map(len, event["exception"].splitlines())) < 300


def test_access_log_has_no_query_string_and_leaves_out_what_nobody_asks_about(stream: io.StringIO) -> None:
    access = logging.getLogger("uvicorn.access")
    form = '%s - "%s %s HTTP/%s" %d'
    access.info(form, "1.2.3.4:5", "GET", "/api/v1/quotes?symbols=AAPL", "1.1", 200)
    access.info(form, "1.2.3.4:5", "GET", "/assets/app.js", "1.1", 200)
    access.info(form, "1.2.3.4:5", "GET", "/_event/?token=hunter22", "1.1", 403)
    assert [event["message"] for event in events(stream)] == [
        '1.2.3.4:5 - "GET /api/v1/quotes HTTP/1.1" 200',
        '1.2.3.4:5 - "GET /_event/ HTTP/1.1" 403',
    ]


def test_an_unknown_event_becomes_one_short_line_without_payload_or_headers(stream: io.StringIO) -> None:
    reflex = logging.getLogger("reflex_base.event.processor.event_processor")
    payload = "Event(name='state.nope', payload={'x': '" + "y" * 990_000 + "'}, headers={'cookie': 'sid=hunter22'})"
    for _ in range(20):
        try:
            raise KeyError("No registered handler found for event: state.nope")
        except KeyError:
            reflex.exception(f"Error processing event queue entry for {payload} [txid=1]:")
    assert len(stream.getvalue()) < 1_000
    said = [event["message"].removesuffix(" more like it)").split(" (")[0] for event in events(stream)]
    assert set(said) == {"Refused an event: unknown name state.nope"}
    assert len(said) < 5, "one a second, however many come"
    assert "hunter22" not in stream.getvalue()


def test_suppressed_unknown_events_are_counted_in_the_next_line() -> None:
    now = [0.0]
    refuse = UnknownEventFilter(lambda: now[0])

    def report() -> str | None:
        record = logging.LogRecord("reflex.app", logging.ERROR, "", 0, "Received event data as a string.", (), None)
        return record.getMessage() if refuse.filter(record) else None

    assert [report(), report(), report()] == ["Refused an event: malformed", None, None]
    now[0] = 2.0
    assert report() == "Refused an event: malformed (2 more like it)"
