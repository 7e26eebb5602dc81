"""Asks the fork server for processes; each looks like one that was started as a program of its own."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from itertools import count

from starkmatter.errors import ConfigError
from starkmatter.ops import relay
from starkmatter.ops.children import Command

MESSAGE_MAX_BYTES = 65_536


def can_fork() -> bool:
    """Whether this system has all that forking takes; elsewhere each process loads its own code."""
    if sys.platform != "linux":
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


class Forked:
    """A child of the fork server: what `asyncio.subprocess.Process` offers of it."""

    stdin = None

    def __init__(self, pid: int, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader | None) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """All of its output and of its errors, once it has ended."""
        readers = [reader for reader in (self.stdout, self.stderr) if reader is not None]
        out, *err = await asyncio.gather(*[reader.read() for reader in readers])
        await self.wait()
        return out, b"".join(err)

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def has_ended(self, code: int) -> None:
        """Said by the fork server."""
        self.returncode = code
        self._ended.set()


class Forks:
    """The fork server of one supervisor: started when it is needed, again when it has died, and ended by `close`."""

    def __init__(self, command: Callable[[], Command], log_form: str) -> None:
        self._command, self._form = command, log_form
        self._server: _Server | None = None
        self._starting = asyncio.Lock()

    async def prepare(self) -> None:
        """Have it load its code, which takes most of a start, while other things are done."""
        async with self._starting:
            if self._server is None or self._server.is_gone:
                await self.close()
                self._server = await _Server.started(self._command(), self._form)

    async def start(self, verb: tuple[str, ...], *, errors_apart: bool = False) -> Forked:
        """`starkmatter VERB` as a process. ConfigError when the code could not be loaded."""
        while True:
            await self.prepare()
            server = self._server
            assert server is not None
            try:
                return await server.fork(verb, errors_apart)
            except ConnectionError:
                if not server.has_loaded:
                    raise ConfigError("The code could not be loaded: see the lines above.", exit_code=1) from None
                server.lost()  # it died under us: a new one is asked

    async def close(self) -> None:
        """End it, and with it whoever of its children still lives."""
        if self._server is not None:
            await self._server.close()
            self._server = None


class _Server:
    """One process of the fork server and the socket to it."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket, form: str) -> None:
        self._process, self._channel = process, channel
        self.is_gone = self.has_loaded = False
        self._numbers = count(1)
        self._asked: dict[int, _Asked] = {}
        self._children: dict[int, Forked] = {}
        self._relaying = asyncio.create_task(relay.stream("forkserver", process.stdout, form))
        asyncio.get_running_loop().add_reader(channel, self._hear)

    @classmethod
    async def started(cls, command: Command, form: str) -> "_Server":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            options = {**command.options(), "pass_fds": (theirs.fileno(),)}
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                str(theirs.fileno()),
                **options,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        return cls(process, ours, form)

    async def fork(self, verb: tuple[str, ...], errors_apart: bool) -> Forked:
        number = next(self._numbers)
        output = await _Pipe.opened()
        errors = await _Pipe.opened() if errors_apart else None
        self._asked[number] = asked = _Asked(output, errors)
        try:
            request = json.dumps({"id": number, "verb": verb}).encode()
            socket.send_fds(self._channel, [request], [output.end, (errors or output).end])
            return await asked.child
        finally:
            self._asked.pop(number, None)
            for pipe in filter(None, (output, errors)):
                pipe.give_away(is_read=asked.is_answered)

    def _hear(self) -> None:
        """One message of the server's."""
        try:
            message = self._channel.recv(MESSAGE_MAX_BYTES)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self.lost()
            return
        answer = json.loads(message)
        if "ended" in answer:
            self._children.pop(answer["ended"]).has_ended(answer["code"])
            return
        # Here and not where it is waited for: whatever is heard next may be of this child already.
        self.has_loaded = True
        asked = self._asked.get(answer["id"])
        child = Forked(answer["pid"], *(asked.readers if asked else (asyncio.StreamReader(), None)))
        self._children[child.pid] = child
        if asked is not None and not asked.child.done():
            asked.child.set_result(child)

    def lost(self) -> None:
        """It is gone. The system asks its children to end; nobody but us is left to see that they do."""
        if self.is_gone:
            return
        self.is_gone = True
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._channel)
        for asked in self._asked.values():
            if not asked.child.done():
                asked.child.set_exception(ConnectionResetError("the fork server ended"))
        for child in self._children.values():
            try:
                end = os.pidfd_open(child.pid)
            except OSError:
                child.has_ended(-signal.SIGTERM)
            else:
                loop.add_reader(end, _orphan_ended, loop, end, child)
        self._children.clear()

    async def close(self) -> None:
        self.lost()
        self._channel.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()
        self._relaying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._relaying


def _orphan_ended(loop: asyncio.AbstractEventLoop, end: int, child: Forked) -> None:
    loop.remove_reader(end)
    os.close(end)
    child.has_ended(-signal.SIGTERM)


class _Pipe:
    """What a child writes: one end for it, the other read by us."""

    def __init__(self, end: int, reader: asyncio.StreamReader, transport: asyncio.ReadTransport) -> None:
        self.end, self.reader, self._transport = end, reader, transport

    @classmethod
    async def opened(cls) -> "_Pipe":
        loop = asyncio.get_running_loop()
        ours, theirs = os.pipe()
        reader = asyncio.StreamReader(limit=relay.LINE_MAX_BYTES, loop=loop)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader, loop=loop), os.fdopen(ours, "rb", 0)
        )
        return cls(theirs, reader, transport)

    def give_away(self, *, is_read: bool) -> None:
        """The child has its end by now; without a child nobody reads ours."""
        os.close(self.end)
        if not is_read:
            self._transport.close()


class _Asked:
    """A request under way: the pipes it carries and the child that is waited for."""

    def __init__(self, output: _Pipe, errors: _Pipe | None) -> None:
        self.readers = (output.reader, None if errors is None else errors.reader)
        self.child: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()

    @property
    def is_answered(self) -> bool:
        return self.child.done() and not self.child.cancelled() and self.child.exception() is None
