"""Answers the voice platform's messages."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import suppress
from typing import Any

import structlog

from trunkline.errors import NotReady
from trunkline.metrics import CALL_REPORTS, CALLS_CONNECTED, UNROUTED_CALLS, WEBHOOKS
from trunkline.routing.assistant import KnownAssistant
from trunkline.routing.call_log import CallLog
from trunkline.routing.directory import Directory, Former, Values, encode, read_values
from trunkline.routing.follow import AWAY
from trunkline.routing.messages import read_asked, read_message
from trunkline.routing.questions import QUESTIONS, Questions
from trunkline.routing.resolve import Resolver
from trunkline.routing.tools import Tools
from trunkline.routing.tools_server import ToolsServer
from trunkline.settings import Routing, Settings
from trunkline.voice.vapi_calls import customer, identifier, number_ids, our_number, part, report_of_message, text

log = structlog.get_logger()
Json = dict[str, Any]
ASKED = "assistant-request"
NOTHING = b"{}"
KINDS = {ASKED, "status-update", "end-of-call-report", "tool-calls", "function-call", *QUESTIONS}
# Reasons for which Vapi ends a call that was given to an assistant which it does not have.
WITHOUT_ASSISTANT = {
    "assistant-not-found",
    "assistant-not-valid",
    "assistant-request-returned-invalid-assistant",
    "call.start.error-get-assistant",
}
STORED_WITHIN = 5.0
ASSISTANT_WITHIN = 3.0  # Vapi waits 7.5 s for the answer as a whole


class Router:
    """`at_once` answers from memory what it can, without waiting for anything; `later` answers everything."""

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        resolver: Resolver,
        assistant: KnownAssistant,
        call_log: CallLog,
        tools_server: ToolsServer,
    ) -> None:
        self._directory = directory
        self._resolver = resolver
        self._assistant = assistant
        self._call_log = call_log
        self._tools = Tools(tools_server)
        self._questions = Questions(tools_server)
        # In assistant mode calls are counted as they are reported: most of them are answered without us.
        self._asked = int(settings.vapi_routing is Routing.SERVER)
        self._nobody = encode(nobody_answers(settings))
        self._answered_by: str | None = None
        self._before_values = b""

    def at_once(self, body: bytes) -> bytes | None:
        """The answer to an assistant-request for a number that memory knows; None for anything else."""
        asked = read_asked(body)
        if asked is None or asked.type != ASKED:
            return None
        call, row, caller = asked.call, asked.phone_number, asked.customer
        found = self._directory.find(
            call.phone_number_id if call else None,
            row.id if row else None,
            row.number if row else None,
            caller.number if caller else None,
        )
        return self._connect(found) if isinstance(found, bytes) and self._assistant.id else None

    def _connect(self, values: bytes) -> bytes:
        """Hand the call to the shared assistant, with the restaurant's values as they stand in memory."""
        if self._assistant.id != self._answered_by:
            self._answered_by = self._assistant.id
            known = encode(self._answered_by)
            self._before_values = b'{"assistantId":' + known + b',"assistantOverrides":{"variableValues":'
        CALLS_CONNECTED.count += self._asked
        return b"".join((self._before_values, values, b',"metadata":', values, b"}}"))

    async def try_call(self, number: str, caller: str | None) -> Values | Former | None:
        """Whom a call to this number would be given to now: asked as Vapi's would be, and counted and kept nowhere."""
        found = await self._resolver.find((None, None), number, caller)
        return read_values(found) if isinstance(found, bytes) else found

    async def later(self, body: bytes) -> bytes:
        """MalformedRequest for what is not a message, NotReady where a report must be sent again."""
        message = read_message(body)
        kind = message["type"]
        WEBHOOKS.labels(kind if kind in KINDS else "other", "200").inc()
        match kind:
            case "assistant-request":
                return await self._answer_call(message)
            case "tool-calls" | "function-call":
                return json.dumps(await self._answer_tools(message)).encode()
            case question if question in QUESTIONS:
                return json.dumps(await self._questions.answer(message, await self._restaurant(message))).encode()
            case "status-update" | "end-of-call-report":
                await self._keep(message, body)
        return NOTHING

    async def _answer_call(self, message: Json) -> bytes:
        ids, number, caller = number_ids(message), our_number(message), customer(message)
        try:
            found = await self._resolver.find(ids, number, caller)
        except AWAY as error:
            return self._alert("database_away", message, error=type(error).__name__)
        if found is None:
            return self._alert("unknown_number", message)
        if isinstance(found, Former):
            return self._alert("cooling_down", message, former=found.values.restaurant_id)
        if self._assistant.id is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._assistant.ask(), ASSISTANT_WITHIN)
        if self._assistant.id is None:
            return self._alert("no_assistant", message, restaurant=read_values(found).restaurant_id)
        return self._connect(found)

    def _alert(self, reason: str, message: Json, **more: str) -> bytes:
        """Nobody is guessed: the caller hears it, and so does the operator."""
        self._unanswered(reason, message, **more)
        return self._nobody

    def _unanswered(self, reason: str, message: Json, **more: str) -> None:
        UNROUTED_CALLS.labels(reason).inc()
        call_id = text(part(message, "call").get("id"), 80)
        log.warning("a call reached no restaurant", reason=reason, call=call_id, called=our_number(message), **more)

    async def _answer_tools(self, message: Json) -> Json:
        restaurant = await self._restaurant(message)
        answer = self._tools.answer if message["type"] == "tool-calls" else self._tools.answer_function
        return await answer(message, restaurant)

    async def _restaurant(self, message: Json) -> Values | None:
        """Whose call it is that a message in the middle of it is about."""
        call_id = identifier(part(message, "call").get("id"))
        told = number_ids(message), our_number(message), customer(message)
        try:
            found = await self._resolver.in_call(call_id, *told)
        except AWAY as error:
            log.warning("whose call this is is not known now", type=message["type"], error=type(error).__name__)
            return None
        return read_values(found) if isinstance(found, bytes) else None

    async def _keep(self, message: Json, body: bytes) -> None:
        """A status may be lost: the end report says it all. That one is answered when it is committed."""
        report = report_of_message(message, f"unnamed-{hashlib.sha256(body).hexdigest()[:32]}")
        if report is None:
            CALL_REPORTS.labels("without_id").inc()
            log.warning("a report does not say which call it is about", type=message["type"])
            return
        if report.ended_reason in WITHOUT_ASSISTANT:
            self._assistant.doubt()
            if report.final:
                self._unanswered("assistant_gone", message, ended_reason=report.ended_reason)
        try:
            stored = self._call_log.add(report)
            if report.final and not await asyncio.wait_for(asyncio.shield(stored), STORED_WITHIN):
                raise not_stored()
        except (asyncio.QueueFull, TimeoutError):
            CALL_REPORTS.labels("late" if report.final else "dropped").inc()
            if report.final:
                raise not_stored() from None


def not_stored() -> NotReady:
    return NotReady("the report cannot be stored now", hint="send it again")


def nobody_answers(settings: Settings) -> Json:
    """`error` is spoken and wins over all else in an answer, so it is one or the other."""
    if settings.unmapped_destination:
        return {"destination": {"type": "number", "number": settings.unmapped_destination}}
    return {"error": settings.unmapped_message}
