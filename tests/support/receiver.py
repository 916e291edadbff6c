"""Somebody's own server, to which events are sent: keeps what came, and answers as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from standardwebhooks import Webhook

from tests.support.loopback import LoopbackServer, QuietHandler

Json = dict[str, Any]


class Received(NamedTuple):
    """`status` is what was answered."""

    id: str
    headers: dict[str, str]
    body: bytes
    status: int = 0

    @property
    def event(self) -> Json:
        return dict(json.loads(self.body)["data"])

    def verified_by(self, secret: str) -> bool:
        """By the official library."""
        Webhook(secret).verify(self.body, self.headers)
        return True


class Receiver(LoopbackServer):
    """Use as a context manager. `answer` says (status, headers, body) to each request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], tuple[int, dict[str, str], bytes]] = lambda _: (200, {}, b"ok")
        receiver = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = self.body()
                got = Received(self.headers["webhook-id"], dict(self.headers), body)
                status, headers, said = receiver.answer(got)
                receiver.received.append(got._replace(status=status))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(said))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

        super().__init__(Handler)
        self.url = f"{self.address}/hook"

    def about(self, subject: str) -> list[Received]:
        """What came about a restaurant."""
        return [got for got in self.received if got.event["restaurant_id"] == subject]

    def taken(self, subject: str) -> list[str]:
        """The ids of the events about a restaurant that were taken, as they came."""
        return [got.id for got in self.about(subject) if got.status == 200]
