"""Vapi's assistants, as far as a phone number's life needs them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.vapi_wire import Checks, Record, Window, body_of, common, org_of, patched, pick, shelf
from trunkline.sandbox.world import World

KEPT = ("id", "orgId", "createdAt", "updatedAt")
SHARED_ASSISTANT: dict[str, Any] = {
    "name": "Restaurant Voice Assistant",
    "firstMessage": "Thank you for calling {{restaurant_name}}. How can I help you?",
    "model": {
        "provider": "openai",
        "model": "gpt-4.1",
        "messages": [{"role": "system", "content": "You answer the telephone for the restaurant {{restaurant_name}}."}],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get_restaurant",
                    "description": "Which restaurant was called.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
    },
    "voice": {"provider": "vapi", "voiceId": "Elliot"},
}


def assistants_of(world: World, org: str) -> dict[str, Record]:
    return shelf(world, org, "assistants")


def add(world: World, org: str, body: dict[str, Any]) -> Record:
    wire, now = common(world, org, body)
    record = Record(wire, now, now)
    assistants_of(world, org)[record.id] = record
    return record


def checked(world: World, body: dict[str, Any]) -> None:
    """Only what matters to a phone number is checked; the rest of an assistant is kept as it is."""
    checks = Checks(body)
    checks.text("name", longest=40)
    checks.text("firstMessage")
    for name in ("metadata", "model", "voice", "transcriber"):
        checks.object(name)
    checks.server(legacy=bool(world.switches["vapi_legacy_server_secret"]))
    checks.messages += [f"property {key} should not exist" for key in KEPT if key in body]
    checks.done()


async def list_all(request: Request, world: World) -> Response:
    records = Window.of(request).newest(assistants_of(world, org_of(request)))
    return JSONResponse([record.wire for record in records])


async def create(request: Request, world: World) -> Response:
    body = await body_of(request)
    checked(world, body)
    return JSONResponse(add(world, org_of(request), body).wire, 201)


async def get(request: Request, world: World) -> Response:
    return JSONResponse(pick(request, assistants_of(world, org_of(request)), "Assistant").wire)


async def update(request: Request, world: World) -> Response:
    body = await body_of(request)
    record = pick(request, assistants_of(world, org_of(request)), "Assistant")
    checked(world, body)
    record.wire = patched(record.wire, body)
    record.touch(world)
    return JSONResponse(record.wire)


async def delete(request: Request, world: World) -> Response:
    """Answers 200 with the deleted assistant; phone numbers keep its id, and their calls then fail."""
    assistants = assistants_of(world, org_of(request))
    record = pick(request, assistants, "Assistant")
    del assistants[record.id]
    return JSONResponse(record.wire)
