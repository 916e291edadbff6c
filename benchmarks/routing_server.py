"""The servers that the routing benchmark compares, one in a process: hello, parse, or trunkline itself."""

from __future__ import annotations

import os
import sys
from typing import Any

import uvicorn

from benchmarks.routing_world import ASSISTANT, SECRET
from trunkline.cli.servers import api_server, listen
from trunkline.logs import configure_logs
from trunkline.routing.messages import decode
from trunkline.settings import load_settings

HELLO, PARSED = b'{"hello":"world"}', b'{"type":"assistant-request"}'
HEADERS = {
    body: [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    for body in (HELLO, PARSED)
}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Reads nothing."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS[HELLO]})
    await send({"type": "http.response.body", "body": HELLO})


async def parse(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and parses it with the very decoder of the real route."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    assert decode(body).message.type == "assistant-request"
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS[PARSED]})
    await send({"type": "http.response.body", "body": PARSED})


def main(kind: str, core: int, database_url: str = "", sandbox_url: str = "", pace: str = "20") -> None:
    os.sched_setaffinity(0, {core})
    sock = listen("127.0.0.1", 0)
    told = f"listening {sock.getsockname()[1]}"
    if kind == "trunkline":
        settings = load_settings(**trunkline_settings(database_url, sandbox_url, float(pace)))
        configure_logs("error", "json")
        api_server(settings, sock, announce=lambda: print(told, flush=True)).run()
        return
    app = {"hello": hello, "parse": parse}[kind]
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    print(told, flush=True)
    uvicorn.Server(config).run([sock])


def trunkline_settings(database_url: str, sandbox_url: str, pace: float) -> dict[str, Any]:
    vendors: dict[str, Any] = {"vapi_api_key": "unused-key", "vapi_base_url": "http://127.0.0.1:9"}
    if sandbox_url:
        from trunkline.sandbox.server import environment

        vendors = {name.lower(): value for name, value in environment(sandbox_url).items()}
    return vendors | {
        "_env_file": None,
        "vapi_secret_key": SECRET,
        "vapi_assistant_id": None if sandbox_url else ASSISTANT,
        "database_url": database_url,
        "provider_requests_per_second": pace,
        "log_level": "error",
    }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
