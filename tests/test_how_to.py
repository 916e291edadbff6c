"""The commands of the how-tos work as they stand there, one after the other, on the sandbox."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from tests.support.server_process import SECRET
from trunkline.sandbox.server import environment

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs/how-to").glob("*.md"))
# A block is run as it stands: `server` goes on until the next one or until `stopped`, `finds` may end with a finding,
# and what cannot be run here says why. So many of these there are:
ELSEWHERE = {"behind-a-proxy": 1, "postgresql": 1, "upgrade": 2}
OURS = "postgresql://trunkline:password@localhost/trunkline"


def blocks(page: Path) -> list[tuple[str, str]]:
    """Each block of commands, with what is said of it."""
    return re.findall(r"^```sh ?([^\n]*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who follows a page in an empty folder, with the sandbox's accounts in place of real ones."""

    def __init__(self, folder: Path, sandbox: SandboxServer, database: str) -> None:
        self.folder, self.sandbox, self.database = folder, sandbox, database
        kept = {name: os.environ[name] for name in ("HOME", "SSL_CERT_DIR") if name in os.environ}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = kept | environment(sandbox.url) | {"VAPI_SECRET_KEY": SECRET, "PATH": path}
        self.url = ""
        self.server: subprocess.Popen[str] | None = None

    def run(self, block: str, codes: tuple[int, ...] = (0,)) -> None:
        text = block.replace(OURS, self.database).replace("http://localhost:8000", self.url)
        text = re.sub(r"^trunkline sandbox .*", rf"\g<0> --sandbox {self.sandbox.url}", text, flags=re.MULTILINE)
        ended = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.environment | {"TRUNKLINE_URL": self.url or "http://127.0.0.1:9"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode in codes, f"{text}\n{ended.returncode}: {ended.stdout}{ended.stderr}"
        assert "Error: " not in ended.stderr, ended.stderr

    def serve(self, block: str) -> None:
        self.stop()
        (command,) = block.splitlines()
        with (self.folder / "server.log").open("a") as log:
            self.server = subprocess.Popen(
                ["bash", "-c", f"exec {command} --port 0"],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        printed, said = self.server.stdout, ""
        assert printed is not None
        while "# the console" not in said and (line := printed.readline()):
            said += line
        found = re.search(r"listens on (\S+);", said)
        assert found, said + (self.folder / "server.log").read_text()
        self.url = found[1]

    def stop(self) -> None:
        if self.server is not None:
            self.server.terminate()
            assert self.server.wait(60) == 0
            assert self.server.stdout is not None
            self.server.stdout.close()
            self.server = None


@pytest.fixture
def reader(sandbox: SandboxServer, postgres: PostgresServer, migrated_sqlite: Path, tmp_path: Path) -> Iterator[Reader]:
    shutil.copy(migrated_sqlite, tmp_path / "trunkline.sqlite")
    reader = Reader(tmp_path, sandbox, postgres.empty_database())
    account = {"trial": False, "balance": "100"}
    sandbox.control.put(f"/accounts/twilio/{reader.environment['TWILIO_ACCOUNT_SID']}", json=account).raise_for_status()
    yield reader
    reader.stop()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_can_be_followed(page: Path, reader: Reader) -> None:
    for said, block in blocks(page):
        if said.startswith("elsewhere: "):
            continue
        if said == "server":
            reader.serve(block)
        else:
            assert said in ("", "finds", "stopped"), said
            if said == "stopped":
                reader.stop()
            reader.run(block, (0, 1) if said == "finds" else (0,))


def test_what_cannot_be_run_here_is_counted_and_says_why() -> None:
    reasons = {page.stem: [said for said, _ in blocks(page) if said.startswith("elsewhere: ")] for page in PAGES}
    assert {name: len(given) for name, given in reasons.items() if given} == ELSEWHERE
    assert not any("```bash" in page.read_text() for page in PAGES), "which nobody runs"
