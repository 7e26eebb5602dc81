"""A process that loads our code once and forks itself for each command it is asked for (Linux).

Loading takes most of a start, and what is loaded lies in memory once for all who were forked. It does nothing else: no
thread, no event loop, no connection is there to be inherited. A request is one message on the socket that is its only
argument, `{"id": n, "verb": ["web"]}`, and carries the descriptors for the child's output and errors. It is answered by
`{"id": n, "pid": p}`, and the child's end by `{"ended": p, "code": c}`. It leaves when the other side hangs up.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module

from starkmatter.ops.children import death_with_parent
from starkmatter.ops.forks import MESSAGE_MAX_BYTES
from starkmatter.ops.web import composition_root

LOADED = ("starkmatter.cli", "starkmatter.ops.logging", "uvicorn", "starkmatter.jobs.worker")
TITLE_ENV = "SPT_NOENV"


def main() -> None:
    """Serve; in each child this returns once its command is done."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    load()
    sys.argv = ["starkmatter", *verb_of_a_child(channel)]
    import_module("starkmatter.cli").main()


def load() -> None:
    """All that web, worker and commands have in common; nobody looks for garbage in it ever after."""
    composition_root()
    for name in LOADED:
        import_module(name)
    gc.collect()
    gc.freeze()


def verb_of_a_child(channel: socket.socket) -> list[str]:
    """Fork for each request. Returns in the children only: the command each is for."""
    end_with_us = death_with_parent(signal.SIGTERM)
    assert end_with_us is not None
    with selectors.DefaultSelector() as waiting:
        waiting.register(channel, selectors.EVENT_READ)
        children: dict[int, int] = {}
        while True:
            for key, _ in waiting.select():
                if key.fileobj is not channel:
                    waiting.unregister(key.fileobj)
                    _report(channel, key.fd, children.pop(key.fd))
                    continue
                message, outputs, _, _ = socket.recv_fds(channel, MESSAGE_MAX_BYTES, 2)
                if not message:
                    sys.exit(0)
                request = json.loads(message)
                pid = os.fork()
                if not pid:
                    end_with_us()
                    _be_a_child([channel.fileno(), *children], outputs, request["verb"])
                    return list(request["verb"])
                for output in outputs:
                    os.close(output)
                end = os.pidfd_open(pid)
                children[end] = pid
                waiting.register(end, selectors.EVENT_READ)
                _tell(channel, {"id": request["id"], "pid": pid})


def _report(channel: socket.socket, end: int, pid: int) -> None:
    os.close(end)
    _, status = os.waitpid(pid, 0)
    _tell(channel, {"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _tell(channel: socket.socket, answer: dict[str, int]) -> None:
    with suppress(OSError):  # who asked is gone; the next look at the socket says so
        channel.send(json.dumps(answer).encode())


def _be_a_child(not_ours: list[int], outputs: list[int], verb: list[str]) -> None:
    """A session, a name, output and a fate of its own, as a program that was started would have."""
    os.setsid()
    for descriptor in not_ours:
        os.close(descriptor)
    os.dup2(outputs[0], 1)
    os.dup2(outputs[1], 2)
    for output in outputs:
        os.close(output)
    _take_title(" ".join(["starkmatter", *verb]))


def _take_title(title: str) -> None:
    """What `ps` shows. Its environment stays readable, for its owner, as that of any other process."""
    os.environ[TITLE_ENV] = "1"
    try:
        from setproctitle import setproctitle

        setproctitle(title)
    finally:
        del os.environ[TITLE_ENV]


if __name__ == "__main__":
    main()
