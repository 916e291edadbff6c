"""Vapi's calls: a call without a phone, played as Vapi plays an inbound one, and what GET /call shows of it."""

from __future__ import annotations

from typing import Any

import httpx2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline.sandbox.app import Sandbox
from trunkline.sandbox.control import BadControl, body_of, guarded
from trunkline.sandbox.vapi import messages
from trunkline.sandbox.vapi.imports import unreachable
from trunkline.sandbox.vapi.numbers import PhoneNumber, settle
from trunkline.sandbox.vapi.webhooks import Delivery, Mishaps, client, deliver
from trunkline.sandbox.vapi.wire import Record, Window, iso, org_of, pick, shelf, tick
from trunkline.sandbox.world import World

CALLER = "+14155550142"
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "get_restaurant"}}
FAILED = "assistant-request-failed"
NO_ASSISTANT = "assistant-request-returned-no-assistant"
INVALID_ASSISTANT = "assistant-request-returned-invalid-assistant"
FIELDS = {"to", "from", "duplicates", "lose", "fail"}


def calls_of(world: World, org: str) -> dict[str, Record]:
    return shelf(world, org, "calls")


async def list_all(request: Request, world: World) -> Response:
    """Newest first; `id`, `assistantId` and `phoneNumberId` narrow."""
    wanted = {key: request.query_params.get(key) for key in ("id", "assistantId", "phoneNumberId")}
    calls = {
        record.id: record
        for record in calls_of(world, org_of(request)).values()
        if all(value is None or record.wire.get(key) == value for key, value in wanted.items())
    }
    return JSONResponse([record.wire for record in Window.of(request).newest(calls)])


async def get(request: Request, world: World) -> Response:
    return JSONResponse(pick(request, calls_of(world, org_of(request)), "Call").wire)


def control_routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def place(request: Request) -> Response:
        """POST {to, from, duplicates, lose, fail}: one call to a number that is in Vapi; the answer tells all of it.

        `duplicates`: how many further copies of each message are sent. `lose`: messages that are never sent. `fail`:
        messages whose answer never arrives. Both name types, as `status-update`, or one status, as
        `status-update:ended`.
        """
        data = await body_of(request)
        to, caller, mishaps = wanted_call(data)
        found = find(sandbox.world, to)
        if found is None:
            return JSONResponse({"error": f"no phone number {to} in Vapi"}, 404)
        async with client() as http:
            call = InboundCall(sandbox.world, *found, caller, mishaps, http)
            await call.run()
        return JSONResponse(call.told(to, caller))

    return [Route("/sandbox/calls", guarded(place), methods=["POST"])]


def wanted_call(data: Any) -> tuple[str, str, Mishaps]:
    if not isinstance(data, dict) or set(data) - FIELDS:
        raise BadControl(f"a call is an object with the fields {', '.join(sorted(FIELDS))}")
    to, caller, copies = data.get("to"), data.get("from", CALLER), data.get("duplicates", 0)
    if not isinstance(to, str) or not isinstance(caller, str):
        raise BadControl("to and from are phone numbers")
    if not isinstance(copies, int) or not 0 <= copies <= 100:
        raise BadControl("duplicates is a number of copies from 0 to 100")
    names = {}
    for field in ("lose", "fail"):
        names[field] = data.get(field, [])
        if not isinstance(names[field], list) or not all(isinstance(name, str) for name in names[field]):
            raise BadControl(f"{field} is a list of message types")
    return to, caller, Mishaps(int(copies), tuple(names["lose"]), tuple(names["fail"]))


def find(world: World, number: str) -> tuple[str, PhoneNumber] | None:
    """The newest record of this number, whatever the org."""
    shelves: dict[str, dict[str, PhoneNumber]] = world.vendor("vapi").get("numbers", {})
    for org, records in shelves.items():
        for record in reversed(records.values()):
            if settle(world, record).get("number") == number:
                return org, record
    return None


class InboundCall:
    """One call from ringing to its end report. `rang` lies in the past, so that the call ends now."""

    def __init__(
        self,
        world: World,
        org: str,
        record: PhoneNumber,
        caller: str,
        mishaps: Mishaps,
        http: httpx2.AsyncClient,
    ) -> None:
        self.world, self.org, self.mishaps, self.http = world, org, mishaps, http
        self.row = dict(settle(world, record))
        self.rang = tick(world) - messages.SECONDS * 1000
        self.call = messages.new_call(world, self.row, caller, self.rang)
        self.assistant: dict[str, Any] | None = None
        self.why: str | None = None
        self.outcome, self.heard, self.reason = "hung_up", "", ""
        self.destination: dict[str, Any] | None = None
        self.debugging: dict[str, Any] = {}
        self.tool_result: dict[str, Any] | None = None
        self.artifact: dict[str, Any] = {"messages": [], "messagesOpenAIFormatted": [], "transcript": ""}
        self.deliveries: list[Delivery] = []

    async def run(self) -> None:
        """Ring, find who answers, talk, end. A number that the carrier does not send to Vapi never rings here."""
        self.why = unreachable(self.world, self.org, self.row)
        if self.why is not None:
            self.outcome = "not_reached"
            return
        if self.row.get("squadId") or self.row.get("workflowId"):
            raise BadControl("the number has a squad or a workflow; the sandbox plays assistants only")
        if self.row.get("assistantId"):
            self.answered_by(self.row["assistantId"], {}, "call.start.error-get-assistant")
        else:
            await self.ask()
        if self.assistant is not None:
            await self.talk()
        await self.end()

    async def ask(self) -> None:
        """assistant-request: who shall answer? Only the number's or the organisation's server is asked."""
        if self.server() is None:
            self.reason = "call-start-error-neither-assistant-nor-server-set"
            return
        delivery = await self.send("assistant-request", 0, {})
        answer = delivery.answer
        if not delivery.accepted or not isinstance(answer, dict):
            self.refuse(FAILED, delivery)
        elif answer.get("error") is not None:
            self.speak_error(answer["error"], delivery)
        elif answer.get("destination") is not None:
            if messages.valid_destination(answer["destination"]):
                self.forward(answer["destination"], "assistant-request-returned-forwarding-phone-number")
            else:
                self.refuse(NO_ASSISTANT, delivery)
        else:
            self.accept(answer, delivery)

    def accept(self, answer: dict[str, Any], delivery: Delivery) -> None:
        overrides = {} if answer.get("assistantOverrides") is None else answer["assistantOverrides"]
        if not isinstance(overrides, dict) or not isinstance(overrides.get("variableValues", {}), dict):
            self.reason = INVALID_ASSISTANT
        elif answer.get("assistantId") is not None:
            self.answered_by(answer["assistantId"], overrides, INVALID_ASSISTANT)
        elif isinstance(answer.get("assistant"), dict):
            self.assistant = messages.with_overrides(answer["assistant"], overrides)
            self.keep_overrides(overrides)
        elif any(answer.get(key) is not None for key in ("assistant", "squadId", "squad", "workflowId", "workflow")):
            self.reason = INVALID_ASSISTANT
        else:
            self.reason = NO_ASSISTANT
        if self.assistant is None:
            self.refuse(self.reason, delivery)

    def answered_by(self, assistant_id: Any, overrides: dict[str, Any], unknown: str) -> None:
        record: Record | None = shelf(self.world, self.org, "assistants").get(str(assistant_id).lower())
        if record is None:
            self.reason = unknown
            return
        self.assistant = messages.with_overrides(record.wire, overrides)
        self.call["assistantId"] = record.id
        self.keep_overrides(overrides)

    def keep_overrides(self, overrides: dict[str, Any]) -> None:
        before = self.call.get("assistantOverrides", {})
        values = {**before.get("variableValues", {}), **overrides.get("variableValues", {})}
        if before or overrides:
            self.call["assistantOverrides"] = {**overrides, "variableValues": values}

    def speak_error(self, error: Any, delivery: Delivery) -> None:
        """`error` wins over everything else in the answer."""
        if isinstance(error, str) and error.strip():
            self.outcome, self.heard, self.reason = "error", error, "assistant-request-returned-error"
            self.note(delivery)
        else:
            self.refuse("assistant-request-returned-unspeakable-error", delivery)

    def refuse(self, reason: str, delivery: Delivery) -> None:
        """Nobody answers: the number's fallbackDestination gets the call, else it is hung up."""
        self.reason = reason
        self.note(delivery)
        fallback = self.row.get("fallbackDestination")
        if messages.valid_destination(fallback):
            assert fallback is not None
            self.forward(fallback, reason)

    def note(self, delivery: Delivery) -> None:
        found = {"assistantRequestResponse": delivery.answer, "assistantRequestError": delivery.error}
        self.debugging = {key: value for key, value in found.items() if value is not None}

    def forward(self, destination: dict[str, Any], reason: str) -> None:
        message = destination.get("message")
        self.outcome, self.destination, self.reason = "forwarded", destination, reason
        self.heard = message if isinstance(message, str) else ""

    async def talk(self) -> None:
        """The assistant greets, is asked which restaurant this is, calls its tool, and the caller hangs up."""
        assert self.assistant is not None
        self.outcome, self.reason, self.call["status"] = "assistant", "customer-ended-call", "in-progress"
        values = {
            "phoneNumber": {key: self.row.get(key) for key in ("id", "number", "name")},
            "customer": self.call["customer"],
            "call": {"id": self.call["id"]},
            **self.call.get("assistantOverrides", {}).get("variableValues", {}),
        }
        self.heard = messages.said(str(self.assistant.get("firstMessage") or ""), values)
        await self.send("status-update", messages.ANSWERED, {"status": "in-progress"})
        tool = next((t for t in self.tools() if t.get("function", {}).get("name") == "get_restaurant"), TOOL)
        call_id, fields = messages.tool_calls(self.world, tool)
        delivery = await self.send("tool-calls", messages.ASKED, fields, tool.get("server"))
        self.tool_result = result_of(delivery, call_id)
        spoken = self.tool_result.get("result") or self.tool_result["error"]
        self.artifact = messages.artifact(self.rang, self.heard, "get_restaurant", call_id, spoken)

    def tools(self) -> list[dict[str, Any]]:
        """The assistant's own tools and those that it names by toolIds."""
        model = (self.assistant or {}).get("model") or {}
        named = [shelf(self.world, self.org, "tools").get(str(tool)) for tool in model.get("toolIds") or []]
        tools = [*(model.get("tools") or []), *(tool.wire for tool in named if tool is not None)]
        return [tool for tool in tools if isinstance(tool, dict)]

    async def end(self) -> None:
        """The last status, the record for GET /call, the report."""
        where = {"destination": self.destination} if self.destination else {}
        if self.destination:
            await self.send("status-update", messages.ANSWERED, {"status": "forwarding", **where})
        seconds = messages.SECONDS - messages.ANSWERED if self.outcome in ("assistant", "forwarded") else 0
        ended = self.rang + messages.SECONDS * 1000
        times = {"startedAt": iso(ended - seconds * 1000), "endedAt": iso(ended)}
        summary = f"The caller heard: {self.heard}" if self.heard else "Nobody spoke to the caller."
        facts = {
            **times,
            **messages.bill(self.call["phoneCallProvider"], seconds),
            **where,
            "endedReason": self.reason,
            "analysis": {"summary": summary, "successEvaluation": str(self.outcome == "assistant").lower()},
            "artifact": self.artifact,
        }
        self.call |= {"status": "ended", "updatedAt": times["endedAt"]}
        wire = {**self.call, **facts, "messages": self.artifact["messages"]}
        calls_of(self.world, self.org)[self.call["id"]] = Record(wire, int(self.rang), int(ended))
        debugging = {"inboundPhoneCallDebuggingArtifacts": self.debugging} if self.debugging else {}
        last = {"status": "ended", "endedReason": self.reason, **debugging}
        await self.send("status-update", messages.SECONDS, last)
        report = {**facts, "durationSeconds": seconds, "durationMs": seconds * 1000, "summary": summary}
        await self.send("end-of-call-report", messages.SECONDS, report)

    def server(self, tool_server: Any = None) -> dict[str, Any] | None:
        """Documented order: the tool's, the assistant's, the number's, the organisation's; one gets the message."""
        for server in (
            tool_server,
            (self.assistant or {}).get("server"),
            self.row.get("server"),
            self.world.switches["vapi_org_server"],
        ):
            if isinstance(server, dict) and server.get("url"):
                return server
        return None

    async def send(self, kind: str, second: float, fields: dict[str, Any], tool_server: Any = None) -> Delivery:
        """One message, if there is a server and the assistant's serverMessages do not leave it out."""
        if self.assistant is not None:
            fields = {**fields, "assistant": self.assistant}
        at = self.rang + second * 1000
        message = messages.envelope(self.world, kind, dict(self.call), self.row, at, fields)
        server, status = self.server(tool_server), fields.get("status")
        delivery = Delivery(kind, status, server["url"] if server else None, message)
        wanted = (self.assistant or {}).get("serverMessages")
        if server is None or (isinstance(wanted, list) and kind not in wanted):
            delivery.error = "no server URL" if server is None else "not in the assistant's serverMessages"
            return delivery
        self.deliveries.append(delivery)
        return await deliver(self.world, self.org, self.http, server, delivery, self.mishaps)

    def told(self, to: str, caller: str) -> dict[str, Any]:
        """The whole call for the control API; `outcome` is assistant, error, forwarded, hung_up or not_reached."""
        return {
            "call": None if self.why else self.call["id"],
            "to": to,
            "from": caller,
            "outcome": self.outcome,
            "why": self.why,
            "assistant": self.call.get("assistantId"),
            "heard": self.heard,
            "destination": self.destination,
            "ended_reason": self.reason or None,
            "tool_result": self.tool_result,
            "messages": [delivery.shown() for delivery in self.deliveries],
        }


def result_of(delivery: Delivery, call_id: str) -> dict[str, Any]:
    """What the model gets: a text under this call's id. Documented: anything else counts as no result."""
    results = delivery.answer.get("results") if delivery.accepted and isinstance(delivery.answer, dict) else None
    for result in results if isinstance(results, list) else ():
        if isinstance(result, dict) and result.get("toolCallId") == call_id:
            for key in ("result", "error"):
                if isinstance(result.get(key), str):
                    return {key: result[key]}
    return {"error": delivery.error or "No result returned."}
