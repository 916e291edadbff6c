"""npm's official `standardwebhooks`, as one that receives events in JavaScript would use it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.receiver import Received

MODULES = Path(sys.prefix, "npm", "node_modules")  # where `make` installs it
VERIFY = """
const { Webhook } = require("standardwebhooks");
const { secrets, body, headers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(secrets.map((secret) => {
  try { new Webhook(secret).verify(body, headers); return "verified"; } catch (error) { return error.message; }
})));
"""


def missing() -> str | None:
    """Why it cannot be asked; None where it can."""
    if shutil.which("node") is None:
        return "there is no node on this machine"
    return None if (MODULES / "standardwebhooks").exists() else "npm's standardwebhooks is not installed"


def verdicts(got: Received, secrets: Sequence[str]) -> list[str]:
    """What it says of this delivery, by each of the secrets."""
    asked = {
        "secrets": list(secrets),
        "body": got.body.decode(),
        "headers": {name.lower(): value for name, value in got.headers.items()},
    }
    answer = subprocess.run(
        ["node", "-e", VERIFY],
        input=json.dumps(asked),
        env=os.environ | {"NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return list(json.loads(answer.stdout))
