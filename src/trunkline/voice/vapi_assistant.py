"""The shared assistant in Vapi's own fields."""

from __future__ import annotations

from typing import Any

from trunkline.voice.base import Assistant

# A new assistant knows nothing of any restaurant but what it is told in the call, or asks us for by this tool.
MODEL: dict[str, Any] = {
    "provider": "openai",
    "model": "gpt-4.1",
    "messages": [
        {
            "role": "system",
            "content": "You answer the telephone for a restaurant. Many restaurants share you: before you say anything "
            "about this one, call get_restaurant, which tells you which restaurant was called. Be brief and friendly.",
        }
    ],
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
}


def assistant_of(row: dict[str, Any]) -> Assistant:
    server, messages = row.get("server"), row.get("serverMessages")
    server = server if isinstance(server, dict) else {}
    return Assistant(
        id=str(row["id"]),
        name=row.get("name"),
        first_message=row.get("firstMessage"),
        server_url=server.get("url"),
        server_credential_id=server.get("credentialId"),
        server_messages=tuple(map(str, messages)) if isinstance(messages, list) else None,
        tools=tool_names(row.get("model")),
    )


def tool_names(model: Any) -> tuple[str, ...] | None:
    """Of the tools that stand in the assistant itself; others it names by an id alone."""
    if not isinstance(model, dict) or model.get("toolIds"):
        return None
    tools = model.get("tools")
    functions = [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return tuple(str(function.get("name")) for function in functions if isinstance(function, dict))


def assistant_fields(wish: Assistant) -> dict[str, Any]:
    """The body that creates or changes it; what is None is left out."""
    server = {"url": wish.server_url, "credentialId": wish.server_credential_id}
    fields = {
        "name": wish.name,
        "firstMessage": wish.first_message,
        "server": {key: value for key, value in server.items() if value is not None} or None,
        "serverMessages": list(wish.server_messages) if wish.server_messages is not None else None,
        "model": MODEL if wish.id is None else None,
    }
    return {key: value for key, value in fields.items() if value is not None}
