"""A server on a sandbox, and `trunkline` run against it as an operator does, in a process of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.app_server import SECRET, AppServer, app_settings
from tests.support.forked import Process
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
    """Use as a context manager. `changes` are settings of both the server and the commands, which are
    run in `folder`, where there is no .env."""

    def __init__(self, sandbox: SandboxServer, folder: Path, database_url: str, **changes: Any) -> None:
        settings = app_settings(sandbox, database_url, **changes)
        self.sandbox = sandbox
        self.app = AppServer(settings)
        settings.public_backend_url = settings.public_backend_url or self.app.url
        self._folder = folder
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
        out, errors = self._folder / "out", self._folder / "errors"
        with out.open("w") as printed, errors.open("w") as complained:
            process = Process([*arguments], self._folder, self._settings | settings, printed, complained)
            code = process.wait(120)
        return Said(code, out.read_text(), errors.read_text())

    def create(self, name: str, **body: Any) -> dict[str, Any]:
        answer = self.app.client.post("/api/restaurants", json={"name": name} | body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())
