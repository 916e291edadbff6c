"""An assistant at the running server: the library's own client, in both forms of its protocol."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitRequestParams, ElicitResult

from mcp import Client, StdioServerParameters
from tests.api.conftest import AREAS
from tests.support.app_server import AppServer, app_settings
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox import twilio

KEPT = ("PATH", "HOME", "SSL_CERT_DIR")
Answers = Callable[[str], ElicitResult]


def says(action: str, **content: bool) -> Answers:
    """A person who answers every question so."""
    return lambda _: ElicitResult(action=action, content=content or None)  # type: ignore[arg-type]


YES = says("accept", yes=True)


class Assistant:
    """Calls tools; `asked` are the questions that the person has seen."""

    def __init__(self, client: Client, asked: list[str]) -> None:
        self._client = client
        self.asked = asked

    @property
    def instructions(self) -> str:
        return self._client.instructions or ""

    async def tools(self) -> dict[str, Any]:
        return {tool.name: tool for tool in (await self._client.list_tools()).tools}

    async def call(self, tool: str, **arguments: Any) -> Any:
        """What it answers, as it is shaped."""
        result = await self._client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        result = await self._client.call_tool(tool, arguments)
        assert result.is_error, result.structured_content
        return str(result.content[0].text)  # type: ignore[union-attr]


class House:
    """The server, the sandbox behind it, and ways to come in as an assistant."""

    def __init__(self, app: AppServer, sandbox: SandboxServer) -> None:
        self.app, self.sandbox, self.client = app, sandbox, app.client
        self.last_key = ""
        self._areas = iter(AREAS.split())

    def key(self, *scopes: str, budget: bool = False, **wish: Any) -> str:
        made = self.client.post("/api/keys", json={"scopes": scopes, **wish}).raise_for_status().json()
        self.last_key = str(made["id"])
        if budget:
            self.client.put(f"/api/budgets/{made['id']}", json={"max_purchases": 5}).raise_for_status()
        return str(made["key"])

    def restaurant(self) -> str:
        name = f"Roma {uuid.uuid4().hex[:8]}"
        self.client.post("/api/restaurants", json={"name": name, "assign_phone": False}).raise_for_status()
        return name

    def for_sale(self, carrier: str = "twilio") -> str:
        """A number that the carrier sells: Twilio prices countries, Telnyx each number."""
        number = f"+1{next(self._areas)}5550142"
        self.sandbox.control.post("/numbers", json=[{"carrier": carrier, "number": number}]).raise_for_status()
        return number

    def price(self, number: str, price: str) -> None:
        query = {"carrier": "telnyx", "number": number}
        self.sandbox.control.patch("/numbers", params=query, json={"price": price}).raise_for_status()

    async def ended(self, path: str) -> Any:
        """The run, once nothing of it is under way: other tests look at what is held."""
        with anyio.fail_after(120):
            while (run := self.client.get(path).raise_for_status().json())["status"] in ("running", "owed"):
                await anyio.sleep(0.05)
        return run

    def held(self) -> set[str]:
        """All that the carriers have sold."""
        return {str(row["number"]) for carrier in ("twilio", "telnyx") for row in self.sandbox.held(carrier)}

    @asynccontextmanager
    async def assistant(self, key: str, answers: Answers | None = None, mode: str = "auto") -> AsyncIterator[Assistant]:
        """Over HTTP; without `answers` the client cannot ask anybody."""
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(f"{self.app.url}/mcp", http_client=http)
            async with told(transport, answers, mode) as assistant:
                yield assistant

    @asynccontextmanager
    async def at_the_terminal(self, key: str, answers: Answers | None = None) -> AsyncIterator[Assistant]:
        """By `trunkline mcp`."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        env = kept | {"TRUNKLINE_URL": self.app.url, "TRUNKLINE_SECRET": key}
        program = StdioServerParameters(command=sys.executable, args=["-m", "trunkline", "mcp"], env=env)
        async with told(program, answers, "auto") as assistant:
            yield assistant


@asynccontextmanager
async def told(way: Any, answers: Answers | None, mode: str) -> AsyncIterator[Assistant]:
    asked: list[str] = []

    async def ask(context: object, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        assert answers is not None
        return answers(params.message)

    async with Client(way, mode=mode, elicitation_callback=ask if answers else None) as client:
        yield Assistant(client, asked)


@pytest.fixture(scope="package")
def running(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    file = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("mcp") / "trunkline.sqlite")
    with (
        SandboxServer() as sandbox,
        AppServer(app_settings(sandbox, f"sqlite:///{file}", carriers=["twilio", "telnyx"])) as app,
    ):
        account = f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}"
        sandbox.control.put(account, json={"trial": False, "balance": "100000"}).raise_for_status()
        yield House(app, sandbox)


@pytest.fixture
def house(running: House) -> House:
    return running
