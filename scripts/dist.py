"""Builds the wheel and the sdist into a folder, the same bytes from the same commit: `make dist`."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sys
import tarfile
from pathlib import Path

from setuptools import build_meta

COMMITTED = int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))  # which the wheel's files have as their time
UNTRACKED = ("build", "src/trunkline.egg-info")


def build(folder: Path) -> list[Path]:
    """In the project's folder, of which nothing is changed."""
    os.environ["SOURCE_DATE_EPOCH"] = str(COMMITTED)
    folder.mkdir(parents=True, exist_ok=True)
    forget()
    try:
        made = [folder / build_meta.build_wheel(str(folder)), folder / build_meta.build_sdist(str(folder))]
    finally:
        forget()
    settle(made[1])
    return made


def forget() -> None:
    """What an earlier build has left would be built in."""
    for name in UNTRACKED:
        shutil.rmtree(name, ignore_errors=True)


def settle(sdist: Path) -> None:
    """Write it again without what differs from machine to machine: times, owners, permissions, order."""
    with tarfile.open(sdist) as read:
        files = sorted((one for one in read.getmembers() if one.isfile()), key=lambda one: one.name)
        contents = [(one, read.extractfile(one).read()) for one in files]  # type: ignore[union-attr]
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as written:
        for one, content in contents:
            kept = tarfile.TarInfo(one.name)
            kept.size, kept.mtime, kept.mode = len(content), COMMITTED, 0o644
            written.addfile(kept, io.BytesIO(content))
    sdist.write_bytes(gzip.compress(plain.getvalue(), mtime=COMMITTED))


if __name__ == "__main__":
    for path in build(Path(sys.argv[1])):
        print(path)  # noqa: T201
