"""A server on a sandbox, and `trunkline` run against it as an operator does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.cli.conftest import Start
from tests.support.app_server import SECRET, AppServer, app_settings
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox.server import environment


@dataclass(frozen=True)
class Said:
    """The end of one command."""

    code: int
    out: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shop:
    """Use as a context manager. `changes` are settings of both the server and the commands."""

    def __init__(self, sandbox: SandboxServer, start: Start, database_url: str, **changes: Any) -> None:
        settings = app_settings(sandbox, database_url, **changes)
        self.sandbox = sandbox
        self.app = AppServer(settings)
        settings.public_backend_url = settings.public_backend_url or self.app.url
        self._start = start
        self._settings = environment(sandbox.url) | {
            "VAPI_SECRET_KEY": SECRET,
            "DATABASE_URL": database_url,
            "TRUNKLINE_URL": self.app.url,
            "PUBLIC_BACKEND_URL": settings.public_backend_url,
            **{name.upper(): str(value) for name, value in changes.items()},
        }

    def __enter__(self) -> Shop:
        self.app.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.app.__exit__(*error)

    def run(self, *arguments: str, **settings: str) -> Said:
        program = self._start(*arguments, **(self._settings | settings))
        assert program.process.stdout is not None
        out = program.process.stdout.read()
        code, errors = program.ends()
        return Said(code, out, errors)

    def create(self, name: str, **body: Any) -> dict[str, Any]:
        answer = self.app.client.post("/api/restaurants", json={"name": name} | body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())
