"""Where the server lies: behind the prefix of a proxy, whether that takes it off or not."""

from __future__ import annotations

import re

from starlette.types import Scope

from trunkline.setting_forms import OUR_PATHS

FORWARDED = b"x-forwarded-prefix"
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def place(scope: Scope, prefix: str) -> None:
    """Let the scope say the path as it is known here, behind the prefix of the settings or one that a proxy tells of.

    A path with a slash at its end is the path without. Both are answered themselves: a redirect would be followed by
    some without the body, and to http by others."""
    path: str = scope["path"]
    for name, value in scope["headers"]:
        if name == FORWARDED:
            told = value.decode("latin-1").rstrip("/")
            prefix = told if PREFIX.fullmatch(told) and not OUR_PATHS.match(told) else prefix
    if not prefix and not path.endswith("/"):
        return
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        path = path[len(prefix) :]
    scope["path"] = prefix + (path.rstrip("/") or "/")
    scope["root_path"] = prefix
