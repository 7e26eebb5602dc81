"""Runs the web process: the composition root under one uvicorn worker, with the front end that was built before."""

import gc
import os
from importlib import import_module
from types import ModuleType

from starkmatter.ops.children import die_with_parent
from starkmatter.ops.frontend import build_frontend, serving_env
from starkmatter.ops.without import without
from starkmatter.settings import Settings
from starkmatter.version import ROOT_DIR

SOCKET_MESSAGE_MAX_BYTES = 65_536
GRACEFUL_STOP_SECS = 2
KEEP_ALIVE_SECS = 20
SOCKET_PING_SECS = 20.0
# What socketio takes for its clients and for another cache (6 MB), and httpx and structlog for pretty terminals (2 MB).
UNUSED = ("requests", "valkey", "pygments", "attr")


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. The composition root is loaded first, which takes most of a start."""
    import uvicorn

    die_with_parent()
    os.environ.update(serving_env(build_frontend(settings)))
    os.chdir(ROOT_DIR)
    root = composition_root()
    uvicorn.run(
        root.app,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=1,
        loop="asyncio",
        http="auto",
        ws="websockets-sansio",
        ws_max_size=SOCKET_MESSAGE_MAX_BYTES,
        ws_ping_interval=SOCKET_PING_SECS,
        ws_ping_timeout=SOCKET_PING_SECS,
        ws_per_message_deflate=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECS,
        timeout_graceful_shutdown=GRACEFUL_STOP_SECS,
        h11_max_incomplete_event_size=SOCKET_MESSAGE_MAX_BYTES,
        lifespan="on",
        log_config=None,
        access_log=True,
    )


def composition_root() -> ModuleType:
    """Loaded with one look for garbage at its end instead of hundreds in between, which took a fifth of it.

    What is left then stays: no later look goes through it.
    """
    gc.disable()
    try:
        with without(*UNUSED):
            root = import_module("starkmatter.starkmatter")
        gc.collect()
        gc.freeze()
        return root
    finally:
        gc.enable()
