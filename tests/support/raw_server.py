"""A server that sends exactly the bytes it is told to, whatever it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ssl import SSLContext


class RawServer:
    """Sends `answer` byte by byte as it is, closes the connection, and keeps what it received."""

    def __init__(self) -> None:
        self.answer = b""
        self.received: list[bytes] = []
        self.url = ""

    def answers(self, status: int, body: str = "", **headers: str) -> None:
        """`headers` are written with underscores for dashes."""
        content = body.encode()
        lines = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(content)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + content

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def raw_server(tls: SSLContext | None = None) -> AsyncIterator[RawServer]:
    server = RawServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield server
