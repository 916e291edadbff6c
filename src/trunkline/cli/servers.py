"""What `serve`, `sandbox` and `demo` share: a server on a socket that is bound before anything else starts."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from starlette.applications import Starlette

from trunkline.errors import TrunklineError

if TYPE_CHECKING:
    from trunkline.settings import Settings

log = structlog.get_logger()
# How long a call may wait for a thread of the engine that computes. With the 5 ms that are usual in Python, one call
# in a thousand was answered 8 ms late.
SWITCH_SECONDS = 0.0001
TICK_SECONDS = 1.0
LAST_SECONDS = 20.0  # that an end may take beyond the time for what runs


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that an address in use is told in one line before anything is started."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        hint = "stop what listens there, or choose another --port"
        raise TrunklineError(f"cannot listen on {host}:{port}: {reason}", hint=hint) from None


def url_of(sock: socket.socket) -> str:
    """Where a client on this machine reaches the socket."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_no_end(record: logging.LogRecord) -> bool:
    """A request that is given up at the end of the server is no error of the application's, as its library says."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class Server(uvicorn.Server):
    """One application on one socket, in this process.

    It starts and stops the application itself: an error at the start reaches the caller as it is, and SIGTERM or Ctrl-C
    is an orderly end, after which the caller goes on. `grace`: seconds that open requests may take at the end, of whose
    beginning `stopping` tells the application. `forced`: the process ends even where its end hangs.
    """

    def __init__(
        self,
        app: Starlette,
        sock: socket.socket,
        *,
        http: Any,
        grace: float = 1.0,
        announce: Callable[[], None] = lambda: None,
        stopping: Callable[[], None] = lambda: None,
        forced: bool = False,
    ) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        logging.getLogger("uvicorn.error").addFilter(is_no_end)
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=http,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(grace)) + 1,
            )
        )
        self.app = app
        self._sock = sock
        self._announce = announce
        self._stopping = stopping
        self._grace, self._forced = grace, forced
        self._running = AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()
        self.url = url_of(sock)
        self.ready = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        super().run(sockets or [self._sock])

    def end(self) -> None:
        """Let it end, in an orderly way; from any thread."""
        self.should_exit = True
        if loop := self._loop:
            loop.call_soon_threadsafe(self._ending.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.end()

    async def main_loop(self) -> None:
        """As the library's, which looks ten times a second whether to end; this one is told, and wakes for the Date."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TICK_SECONDS)
        self._loop = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        state = await self._running.enter_async_context(self.app.router.lifespan_context(self.app))
        self.lifespan.state.update(state or {})
        await super().startup(sockets)
        self._announce()
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        for_late = asyncio.get_running_loop().call_later(self._grace, self._give_up)
        with ended_after(self._grace + LAST_SECONDS) if self._forced else nullcontext():
            await super().shutdown(sockets)
            for_late.cancel()
            await self._running.aclose()

    def _give_up(self) -> None:
        """Who would be cut off is answered; a protocol that knows no such answer cuts off."""
        for connection in list(self.server_state.connections):
            getattr(connection, "give_up", lambda: None)()
        for task in self.server_state.tasks:
            task.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()  # else the signal would be raised again and end the process at once


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """End the process where the block takes longer than that: a database that hangs is not waited for for ever, and
    what is unfinished is gone on with as after a crash."""

    def leave() -> None:
        log.error("the end hangs, for one by a database that does not answer: what is unfinished is for the next start")
        os._exit(1)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def api_server(
    settings: Settings, sock: socket.socket, announce: Callable[[], None] = lambda: None, *, forced: bool = False
) -> Server:
    """Trunkline itself, as these settings have it."""
    from trunkline.api.protocol import BoundedProtocol
    from trunkline.app import create_app

    app = create_app(settings)
    grace, stopping = settings.shutdown_seconds, app.state.stopping.begin
    return Server(app, sock, http=BoundedProtocol, grace=grace, announce=announce, stopping=stopping, forced=forced)


@contextmanager
def in_background(server: Server) -> Iterator[Server]:
    """The server in a thread of this process, started, until the block ends."""
    failure: list[BaseException] = []

    def work() -> None:
        try:
            server.run()
        except BaseException as error:
            failure.append(error)
        finally:
            server.ready.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    server.ready.wait()
    if failure:
        raise failure[0]
    try:
        yield server
    finally:
        server.end()
        thread.join()
