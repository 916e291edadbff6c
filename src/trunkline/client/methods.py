"""Makes a client's method out of an operation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

RECONNECT_SECONDS = 0.5


def method_of(method: Callable[..., Any], build: Callable[..., Any]) -> Any:
    """`method` under the name, text and parameters of the operation."""
    named = wraps(build)(method)
    del named.__wrapped__
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    shown = inspect.signature(build)
    named.__signature__ = shown.replace(parameters=[own, *shown.parameters.values()])  # type: ignore[attr-defined]
    return named
