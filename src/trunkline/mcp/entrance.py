"""The way to the MCP server at a path of the application. The server is loaded when somebody first comes: it is a third
of the whole process's memory, and most are never asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from trunkline.mcp.door import Door


class Entrance:
    """`build` makes the server. It begins, and ends, in a task of its own, as its library wants it."""

    def __init__(self, build: Callable[[], Door]) -> None:
        self._build = build

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self._wanted, self._over = asyncio.Event(), asyncio.Event()
        self._opened: asyncio.Future[Door] = asyncio.get_running_loop().create_future()
        keeper = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            self._over.set()
            self._wanted.set()
            await keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._wanted.set()
        door = await asyncio.shield(self._opened)
        await door(scope, receive, send)

    async def _keep(self) -> None:
        await self._wanted.wait()
        if self._over.is_set():
            return
        try:
            door = await asyncio.to_thread(self._build)  # meanwhile calls are answered
        except Exception as error:
            self._opened.set_exception(error)
            return
        async with door.open():
            self._opened.set_result(door)
            await self._over.wait()


def install(app: Starlette, path: str, secret: str, home: str | None, stopped: Callable[[], Awaitable[object]]) -> None:
    """Add it to the application, with whose life it begins and ends. `home` is the address at which we are known."""

    def build() -> Door:
        from trunkline.mcp.door import Door

        return Door(app, secret, home, stopped)

    entrance, inner = Entrance(build), app.router.lifespan_context

    @asynccontextmanager
    async def life(running: Any) -> AsyncIterator[Any]:
        async with inner(running) as state, entrance.open():
            yield state

    app.router.lifespan_context = life
    app.router.routes.append(Route(path, endpoint=entrance, include_in_schema=False))
