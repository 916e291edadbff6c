"""A server on loopback that keeps every request it gets and answers as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.loopback import LoopbackServer, QuietHandler

Answer = tuple[int, Any]


@dataclass
class Got:
    """One request: headers with lower-case names, the body as it came, and the message in it."""

    headers: dict[str, str]
    body: bytes
    message: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return ":".join(str(self.message[key]) for key in ("type", "status") if key in self.message)


class Webhook(LoopbackServer):
    """Use as a context manager. `answers` maps a message type to (status, JSON) or to a function of the message."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: dict[str, Answer | Callable[[dict[str, Any]], Answer]] = {}
        webhook = self

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # One write for head and body: two small ones would wait for each other's acknowledgement.

            def do_POST(self) -> None:
                body = self.body()
                message = json.loads(body)["message"]
                webhook.got.append(Got({k.lower(): v for k, v in self.headers.items()}, body, message))
                answer = webhook.answers.get(message["type"], (200, {}))
                status, value = answer(message) if callable(answer) else answer
                text = value.encode() if isinstance(value, str) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        super().__init__(Handler)
        self.url = f"{self.address}/api/vapi/server"

    @property
    def kinds(self) -> list[str]:
        return [got.kind for got in self.got]
