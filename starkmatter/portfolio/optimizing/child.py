"""Answers one optimization in a process of its own: JSON on stdin, JSON on stdout, little time and bounded memory."""

import resource
import sys
from contextlib import suppress

import orjson

CPU_SECS = 60
# Address space, most of which libraries reserve and never touch; what is resident stays below 300 MB.
MEMORY_BYTES = 4_000_000_000


def main() -> None:
    """One question and its answer."""
    for limit, value in ((resource.RLIMIT_CPU, CPU_SECS), (resource.RLIMIT_AS, MEMORY_BYTES)):
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
    asked = orjson.loads(sys.stdin.buffer.read())
    from starkmatter.portfolio.optimizing.solving import answer  # it loads skfolio, within the limits

    sys.stdout.buffer.write(orjson.dumps(answer(asked)))


if __name__ == "__main__":
    main()
