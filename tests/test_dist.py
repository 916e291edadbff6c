"""The package: the same bytes from the same commit, all that is run in it, and a version in one go."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "scripts", "src/trunkline", "deploy")
NOT_RUN = shutil.ignore_patterns("__pycache__", "*.egg-info")


def built(folder: Path, into: str, moment: float) -> tuple[Path, Path]:
    """The wheel and the sdist, of files that were all written at this moment."""
    for file in folder.rglob("*"):
        os.utime(file, (moment, moment))
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1700000000", "PYTHONPATH": ""}
    command = [sys.executable, "scripts/dist.py", into]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    (wheel,), (sdist,) = (folder / into).glob("*.whl"), (folder / into).glob("*.tar.gz")
    return wheel, sdist


def test_a_build_is_the_same_whenever_and_has_all_that_is_run(tmp_path: Path) -> None:
    for part in PARTS:
        source, copy = ROOT / part, tmp_path / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy, ignore=NOT_RUN) if source.is_dir() else shutil.copy(source, copy)
    one, other = built(tmp_path, "one", 1.6e9), built(tmp_path, "other", 1.7e9)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    wheel = zipfile.ZipFile(one[0])
    package = ROOT / "src/trunkline"
    wanted = {str(file.relative_to(ROOT / "src")) for file in package.rglob("*") if file.is_file()}
    assert {name for name in wanted if "__pycache__" not in name} <= set(wheel.namelist())
    (metadata,) = [name for name in wheel.namelist() if name.endswith("dist-info/METADATA")]
    told = HeaderParser().parsestr(wheel.read(metadata).decode())
    assert told["License-Expression"].startswith("MIT")
    assert told["Author"] == "Trunkline contributors"
    licences = told.get_all("License-File") or []
    assert {Path(name).name for name in licences} >= {"LICENSE", "LICENSE-htmx", "LICENSES-OF-PARTS.txt", "NOTICE"}
    with tarfile.open(one[1]) as sdist:
        assert any(name.endswith("/deploy/grafana/trunkline.json") for name in sdist.getnames())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", "CHANGELOG.md", "src/trunkline/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 0.9.0, unreleased\n\n- New.\n")
    return tmp_path


def released(folder: Path, *version: str) -> Any:
    command = [sys.executable, str(ROOT / "scripts/release.py"), *version]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_release_writes_its_version_everywhere_and_its_day(copy: Path) -> None:
    assert released(copy, "0.9.0").returncode == 0
    assert tomllib.loads((copy / "pyproject.toml").read_text())["project"]["version"] == "0.9.0"
    assert '__version__ = "0.9.0"' in (copy / "src/trunkline/__init__.py").read_text()
    assert "\n## 0.9.0, 20" in (copy / "CHANGELOG.md").read_text()
    again = released(copy, "0.9.1")
    assert (again.returncode, "nothing is to be released" in again.stderr) == (1, True)


@pytest.mark.parametrize("version", [(), ("",), ("v1",), ("1.0",)])
def test_what_is_no_version_changes_nothing(copy: Path, version: tuple[str, ...]) -> None:
    before = (copy / "pyproject.toml").read_text()
    refused = released(copy, *version)
    assert (refused.returncode, "is not a version" in refused.stderr) == (1, True)
    assert (copy / "pyproject.toml").read_text() == before
