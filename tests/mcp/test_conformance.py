"""What the protocol's own judge from npm says of our server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.mcp.conftest import House
from tests.support.app_server import SECRET
from trunkline.api.protocol import BoundedProtocol
from trunkline.cli.servers import Server, in_background, listen

# Those that ask for no tool of the protocol's own example, and for nothing that we do not say that we have.
SCENARIOS = (
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)


@pytest.fixture
def judge() -> str:
    found = shutil.which("conformance")
    if found is None or subprocess.run([found, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("npm install --global @modelcontextprotocol/conformance, with Node 22: it is not here")
    return found


@pytest.fixture
def open_door(house: House) -> Iterator[str]:
    """Where our server lets in who shows nothing, as the judge has nothing to show."""
    target = httpx2.AsyncClient(base_url=house.app.url, timeout=60)

    async def pass_on(request: Request) -> StreamingResponse:
        headers = {k: v for k, v in request.headers.items() if k not in ("content-length", "host")}
        headers["authorization"] = f"Bearer {SECRET}"
        sent = target.build_request(request.method, "/mcp", headers=headers, content=await request.body())
        got = await target.send(sent, stream=True)
        kept = {k: v for k, v in got.headers.items() if k != "content-length"}
        return StreamingResponse(got.aiter_raw(), got.status_code, kept, background=BackgroundTask(got.aclose))

    app = Starlette(routes=[Route("/mcp", pass_on, methods=["GET", "POST", "DELETE"])])
    with in_background(Server(app, listen("127.0.0.1", 0), http=BoundedProtocol)) as server:
        yield f"{server.url}/mcp"


def test_the_judge_finds_nothing(judge: str, open_door: str) -> None:
    for scenario in SCENARIOS:
        command = [judge, "server", "--url", open_door, "--scenario", scenario]
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert said.returncode == 0, said.stdout[-3000:]
        assert "0 failed, 0 warnings" in said.stdout, scenario


def test_a_page_of_another_address_is_not_let_in(house: House) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"Authorization": f"Bearer {SECRET}", "Accept": "application/json, text/event-stream"}
    strange = house.client.post("/mcp", json=ping, headers=headers | {"Origin": "https://evil.example.com"})
    assert strange.status_code == 403
    here = house.client.post("/mcp", json=ping, headers=headers | {"Origin": "http://localhost:6274"})
    assert here.status_code != 403
