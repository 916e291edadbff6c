"""PgBouncer in front of the tests' PostgreSQL, each transaction at another server process, where it is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SETTINGS = """[databases]
* = host={host} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 8
server_round_robin = 1
"""


@contextlib.contextmanager
def pooled(url: str) -> Iterator[str]:
    """The URL of the same database through the pooler, which ends with the block."""
    assert PROGRAM
    parts = urlsplit(url)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="trunkline-pgbouncer-", dir="/tmp"))
    folder.chmod(0o755)
    (settings := folder / "settings.ini").write_text(SETTINGS.format(host=parse_qs(parts.query)["host"][0], port=port))
    as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    process = subprocess.Popen([*as_user, PROGRAM, "-q", settings])  # it refuses to be root
    through = f"postgresql://postgres@127.0.0.1:{port}{parts.path}"
    try:
        _wait_for(through)
        yield through
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
