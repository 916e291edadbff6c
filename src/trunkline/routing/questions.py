"""What Vapi asks a server in the middle of a call beside tools: where to transfer or hand it, and what to know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from trunkline.routing.directory import Values
from trunkline.routing.tools import NOT_KNOWN
from trunkline.routing.tools_server import NoAnswer, ToolsServer, one_line
from trunkline.voice.vapi_calls import part

log = structlog.get_logger()
Json = dict[str, Any]
# Of assistant-request it is documented that Vapi waits 7.5 s for the answer, and advised to stay below 6; of these
# nothing is. The caller hears nothing meanwhile.
ANSWERED_WITHIN = 6.0
CONVERSATION = ("messages", "messagesOpenAIFormatted", "transcript")


class Question(NamedTuple):
    """`asked` are the fields of the message that are passed on; `answers` what must be there of an answer, one of them,
    and `beside` what else Vapi reads; `otherwise` the answer where nobody gives one."""

    asked: tuple[str, ...]
    answers: dict[str, type]
    beside: tuple[str, ...]
    otherwise: Callable[[str], Json]


def refused(why: str) -> Json:
    """An answer without a destination and without an error would let the transfer fail without a word."""
    return {"error": why}


def nothing_to_know(why: str) -> Json:
    return {"documents": []}


# By the type of the message. The fields are those of Vapi's OpenAPI document (ServerMessageResponse...).
QUESTIONS = {
    "transfer-destination-request": Question((), {"destination": dict, "error": str}, ("message",), refused),
    "handoff-destination-request": Question(("parameters",), {"destination": dict, "error": str}, ("result",), refused),
    "knowledge-base-request": Question(
        ("messages", "messagesOpenAIFormatted"), {"documents": list, "message": dict}, (), nothing_to_know
    ),
}


class Questions:
    """Passes them on to the operator's own server, and answers in time whatever becomes of that."""

    def __init__(self, server: ToolsServer) -> None:
        self._server = server

    async def answer(self, message: Json, restaurant: Values | None) -> Json:
        kind: str = message["type"]
        question = QUESTIONS[kind]
        try:
            answer = await self._asked(message, restaurant, question)
        except NoAnswer as why:
            log.warning("a question of a call has no answer of its own", type=kind, reason=str(why))
            return question.otherwise(f"this cannot be done now: {why}")
        return answer

    async def _asked(self, message: Json, restaurant: Values | None, question: Question) -> Json:
        if not self._server.configured:
            raise NoAnswer("no server is configured that knows where to")
        if restaurant is None:
            raise NoAnswer(NOT_KNOWN)
        asked = {key: message[key] for key in question.asked if key in message}
        if said := {key: value for key, value in part(message, "artifact").items() if key in CONVERSATION}:
            asked["artifact"] = said
        seconds = min(self._server.seconds, ANSWERED_WITHIN)
        try:
            answer = await self._server.ask(message, restaurant, seconds, **asked)
        except NoAnswer as why:
            raise NoAnswer(f"the server that knows {why}") from None
        return kept(question, answer)


def kept(question: Question, answer: Json) -> Json:
    """What Vapi can use of an answer; NoAnswer where that is nothing."""
    found = {key: answer[key] for key, kind in question.answers.items() if isinstance(answer.get(key), kind)}
    if not found:
        raise NoAnswer(f"the server that knows answered without {' or '.join(question.answers)}")
    if "error" in found:
        found["error"] = one_line(found["error"])
    return found | {key: answer[key] for key in question.beside if answer.get(key) is not None}
