"""Somebody at a terminal: commands in this process, against a server in another one."""

from __future__ import annotations

import json
import uuid
from typing import Any

from typer.testing import CliRunner

from tests.support.json_forms import check_form
from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import SECRET, ServerProcess
from trunkline.cli.app import program
from trunkline.client import Trunkline
from trunkline.sandbox import twilio


class Operator:
    """`run` is a command whose standard input is no terminal; `client` sees what it did. `account` is Twilio's."""

    account = twilio.DEFAULT_ACCOUNT

    def __init__(self, server: ServerProcess, sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        url = str(server.client.base_url).rstrip("/")
        self.client = Trunkline(url, SECRET)
        self.settings = {"TRUNKLINE_URL": url, "TRUNKLINE_SECRET": SECRET}

    def run(self, *arguments: str, code: int = 0, **settings: str) -> str:
        """What it printed; its exit code is as expected."""
        return self._invoked(arguments, code, settings)[0]

    def refused(self, *arguments: str, code: int, **settings: str) -> str:
        """What it complained, in one line; it printed nothing else."""
        out, errors = self._invoked(arguments, code, settings)
        assert out == ""
        assert errors.count("\n") == 1
        assert errors.startswith("Error: ")
        return errors

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code))

    def refused_lines(self, *arguments: str, code: int) -> str:
        """What it complained, in several lines."""
        return self._invoked(arguments, code, {})[1]

    def restaurant(self, name: str | None = None, **wish: Any) -> Any:
        return self.client.create_restaurant(name or uuid.uuid4().hex, **wish)

    def _invoked(self, arguments: tuple[str, ...], code: int, settings: dict[str, str]) -> tuple[str, str]:
        ended = CliRunner().invoke(program(arguments), list(arguments), env=self.settings | settings)
        assert ended.exit_code == code, f"{ended.exit_code}: {ended.output}"
        assert "\x1b" not in ended.stdout
        if "--json" in arguments and ended.stdout:
            check_form(arguments, ended.stdout)
        return ended.stdout, ended.stderr
