"""Who listens to a stream may go at any moment, also while the framework keeps it alive."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from anyio import BrokenResourceError
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from trunkline.api.middleware import Edge

pytestmark = pytest.mark.anyio
SERVER = SimpleNamespace(state=SimpleNamespace(services=SimpleNamespace(settings=SimpleNamespace(sandbox=False))))
SCOPE = {"type": "http", "method": "GET", "path": "/console/live", "headers": [], "query_string": b"", "app": SERVER}


async def nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def ended(error: Exception) -> list[str]:
    """The levels of what is logged where a stream ends so."""

    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def send(message: Message) -> None:
        assert message["status"] == 200

    with capture_logs() as lines:
        await Edge(streaming)(dict(SCOPE), nothing_more, send)
    return [line["log_level"] for line in lines]


async def test_who_has_left_is_no_error_of_ours() -> None:
    assert await ended(ExceptionGroup("unhandled", [BrokenResourceError()])) == ["info"]


async def test_what_else_goes_wrong_is_one() -> None:
    error = ExceptionGroup("unhandled", [BrokenResourceError(), ValueError()])
    with pytest.raises(ExceptionGroup) as raised:
        await ended(error)
    assert raised.value is error
