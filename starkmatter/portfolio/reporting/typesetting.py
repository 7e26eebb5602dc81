"""Typesets one PDF in a process of its own: the document as JSON on standard input, the PDF on standard output.

Started by `pdf.py` in Python's isolated mode and without an environment: it imports nothing of ours, reads the template
and the fonts it is told, and has a limit of memory and of processor time.
"""

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

import typst

MEMORY_BYTES = 1_800_000_000
CPU_SECS = 30
NICE = 5


def main(template: str, fonts: str) -> None:
    """Read, typeset, write. Whatever goes wrong is a message on standard error and an exit code."""
    for limit, value in ((resource.RLIMIT_CPU, CPU_SECS), (resource.RLIMIT_AS, MEMORY_BYTES)):
        with suppress(ValueError, OSError):  # a system that has no such limit
            resource.setrlimit(limit, (value, value))
    os.nice(NICE)
    data = sys.stdin.buffer.read().decode()
    # The time-stamp is always the same one: the same document is the same file.
    pdf = typst.compile(
        Path(template),
        font_paths=[Path(fonts)],
        ignore_system_fonts=True,
        sys_inputs={"data": data},
        pdf_standards="ua-1",
        timestamp=0,
    )
    sys.stdout.buffer.write(pdf)


if __name__ == "__main__":
    main(*sys.argv[1:])
