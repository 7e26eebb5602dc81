"""Whether a page is entered, or its socket was only opened anew behind its back, as after a step-up.

A new socket reads the page again, and what waited for the proof runs over the same socket: whichever comes first. What
was said over a socket before its first page was read belongs to the page that is still there.
"""

import reflex as rx


class SocketState(rx.State):
    """On the server only: the socket over which something was said last, and the one whose page was read last."""

    _said_over: str = ""
    _read_over: str = ""


async def note_said(state: rx.State) -> None:
    """Something that only this page shows was said just now."""
    (await state.get_state(SocketState))._said_over = state.router.session.session_id


async def is_reopened(state: rx.State) -> bool:
    """Ask once where a page is read: True when what it says was said over this very socket before."""
    sockets, socket = await state.get_state(SocketState), state.router.session.session_id
    kept = sockets._said_over == socket != sockets._read_over
    sockets._read_over = socket
    return kept
