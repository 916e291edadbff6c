"""The image and docker-compose.yml: what they promise, and that what they start is what starts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.support.postgres import PostgresServer

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
API, DB = COMPOSE["services"]["api"], COMPOSE["services"]["db"]
STAGES = [part.splitlines() for part in re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.M)[1:]]
RUNS = STAGES[-1]
BUILDER = shutil.which("buildah") or shutil.which("podman")


def instructions(stage: list[str]) -> list[tuple[str, str]]:
    """Each instruction with its argument, lines joined."""
    joined = re.sub(r"\\\n\s*", "", "\n".join(stage[1:]))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def test_what_runs_has_no_tools_no_root_and_no_secret() -> None:
    given = instructions(RUNS)
    assert not re.search(r"\bpip\b|apt|gcc|requirements", " ".join(rest for _, rest in given))
    (user,) = [rest for word, rest in given if word == "USER"]
    assert user.isdigit()
    assert int(user) > 0
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", dict(given)["LABEL"]))
    assert labels == {"title", "description", "licenses", "version", "revision"}
    assert {"HEALTHCHECK", "VOLUME"} <= {word for word, _ in given}
    assert '"--sandbox' not in dict(given)["CMD"], "an image that lost its keys refuses to start"


def test_the_image_has_what_it_copies_and_the_ignore_file_lets_it_in() -> None:
    copies = [rest.split()[:-1] for stage in STAGES for word, rest in instructions(stage) if word == "COPY"]
    copied = {name for names in copies if not names[0].startswith("--") for name in names}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)
    assert {"src", "scripts", "requirements.lock"} <= copied


def test_compose_is_closed_but_for_this_machine() -> None:
    assert API["ports"] == ["127.0.0.1:8000:8000"]
    assert (API["read_only"], API["tmpfs"], API["volumes"]) == (True, "/tmp", ["data:/data"])
    assert API["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert "ports" not in DB
    assert [COMPOSE["networks"][name] for name in DB["networks"]] == [{"internal": True}]
    for service in (API, DB):
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "healthcheck" in service
    assert "cap_add" not in API


def test_compose_takes_each_secret_from_env_and_one_that_is_there_without_it_opens_nothing() -> None:
    password = DB["environment"]["POSTGRES_PASSWORD"]
    assert password.startswith("${POSTGRES_PASSWORD:-")
    assert f":{password}@" in API["environment"]["DATABASE_URL"]
    assert API["env_file"] == [{"path": ".env", "required": False}]


def interpolated(text: str, **values: str) -> str:
    """As Compose does it."""
    return re.sub(r"\$\{(\w+):-(\w*)\}", lambda found: values.get(found[1]) or found[2], text)


def test_without_a_key_what_compose_starts_is_a_sandbox_that_says_so(postgres: PostgresServer, tmp_path: Path) -> None:
    """Its own command, on a free port and with this machine's PostgreSQL, writing only where the container can."""
    shell, option, line = API["command"]
    assert "--host 0.0.0.0" in line
    line = line.replace("--host 0.0.0.0", "--host 127.0.0.1 --port 0")
    (tmp_path / "tmp").mkdir()
    environment = {
        "SSL_CERT_DIR": os.environ["SSL_CERT_DIR"],
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path / "tmp"),
        "DATABASE_URL": postgres.empty_database(),
        "TRUNKLINE_SECRET": interpolated(API["environment"]["TRUNKLINE_SECRET"]),
    }
    with (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen(
            [shell, option, line], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        printed, said = process.stdout, ""
        assert printed is not None
        try:
            while "# the console" not in said and (line := printed.readline()):
                said += line
            assert "upgraded from nothing" in said
            assert "no provider's key is set" in said
            assert "this runs on a sandbox" in said
            (url,) = set(re.findall(r"TRUNKLINE_URL=(\S+)", said))
            healthy(url)
            environment |= {"TRUNKLINE_URL": url}
            created = ["trunkline", "restaurants", "create", "My Restaurant"]
            ended = subprocess.run(created, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stderr
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            printed.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["errors", "tmp"]


def healthy(url: str) -> None:
    """What asks whether the container is well, asked of this server."""
    of_the_image = yaml.safe_load(dict(instructions(RUNS))["HEALTHCHECK"].partition("CMD ")[2])
    for command in (of_the_image, API["healthcheck"]["test"][1:]):
        assert command[:2] == ["python", "-c"]
        asked = re.search(r"http://127\.0\.0\.1:8000(/\w+)", command[2])
        assert asked
        assert httpx2.get(url + asked[1]).status_code == 200


def built(folder: Path) -> Any:
    """Build what is there. Nothing is pulled: a base image that is not there is the end of it."""
    command = [str(BUILDER), "build", "--pull=never", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_image_can_be_built(tmp_path: Path) -> None:
    if BUILDER is None:
        pytest.skip("neither buildah nor podman is on this machine")
    (tmp_path / "Dockerfile").write_text(f"FROM {STAGES[0][0].split()[0]}\nRUN python -m pip download --no-deps pip\n")
    if built(tmp_path).returncode:
        pytest.skip("the base image is not there, does not run, or has no way to packages")
    ended = built(ROOT)
    assert ended.returncode == 0, ended.stderr[-3000:]
