"""Passes what children print into the one log stream: our own lines as they are, foreign lines as log events."""

import asyncio
import contextlib
import json
import logging
import re
import sys

import structlog

LINE_MAX_BYTES = 65_536
VALKEY_LINE = re.compile(r"^\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ ([.\-*#]) (.*)$")
VALKEY_LEVELS = {".": logging.DEBUG, "-": logging.DEBUG, "*": logging.DEBUG, "#": logging.WARNING}
POSTGRES_LINE = re.compile(
    r"^(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT):\s+(.*)$"
)
POSTGRES_LEVELS = {
    "WARNING": logging.WARNING,
    "ERROR": logging.WARNING,
    "FATAL": logging.WARNING,
    "PANIC": logging.ERROR,
}
USUAL = (
    "the database system is starting up",
    "the database system is not yet accepting connections",
    "Memory overcommit must be enabled",
    "Valkey is now ready to exit",
)
ENGINES = ("postgres", "valkey", "initdb")


async def stream(name: str, reader: asyncio.StreamReader | None, form: str) -> None:
    """Relay every line of a child until it closes its output."""
    if reader is None:
        return
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as rest:
            lines(name, rest.partial, form)
            return
        except asyncio.LimitOverrunError as overrun:
            line = await reader.readexactly(overrun.consumed)
        lines(name, line, form)


def lines(name: str, output: bytes, form: str) -> None:
    """Relay finished output."""
    for line in output.decode("utf-8", "replace").splitlines():
        if line.strip():
            _line(name, line, form)


def _line(name: str, line: str, form: str) -> None:
    if name in ENGINES:
        level, text = _engine_line(line)
        structlog.get_logger("starkmatter.engines").log(level, text, process=name)
    elif form == "human" or _is_json(line):
        with contextlib.suppress(OSError):  # whoever read us is gone; the child must not stall for that
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    else:
        structlog.get_logger("starkmatter.children").info(line, process=name)


def _is_json(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _engine_line(line: str) -> tuple[int, str]:
    if match := VALKEY_LINE.match(line):
        level, text = VALKEY_LEVELS[match[1]], match[2]
    elif match := POSTGRES_LINE.match(line):
        level, text = POSTGRES_LEVELS.get(match[1], logging.DEBUG), match[2]
    else:
        level, text = logging.DEBUG, line
    return (logging.DEBUG if any(usual in text for usual in USUAL) else level), text
