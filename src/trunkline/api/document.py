"""The OpenAPI document as a file: `python -m trunkline.api.document > docs/openapi.json`."""

from __future__ import annotations

import json

from trunkline.api.app import create_app
from trunkline.settings import load_settings


def render() -> str:
    """The same whatever the environment says."""
    return json.dumps(create_app(load_settings(_env_file=None)).openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201
