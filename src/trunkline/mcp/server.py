"""The MCP server: which tools there are, who sees which, and what an assistant is told of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.server.request_state import RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, ToolAnnotations

from trunkline import __version__
from trunkline.client import AsyncTrunkline, TrunklineClientError
from trunkline.mcp import doing, looking, many
from trunkline.mcp.asking import QUOTES
from trunkline.mcp.caller import Caller, called_by
from trunkline.mcp.quotes import Quotes

Connect = Callable[[ServerRequestContext[Any, Any]], AbstractAsyncContextManager[AsyncTrunkline]]
LOOKS = ToolAnnotations(read_only_hint=True, open_world_hint=True)
ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
BUYS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
ENDS = BUYS

INSTRUCTIONS = """Trunkline gives restaurants on a voice assistant their phone numbers. Numbers cost money every month.

- A restaurant that has no number: find_restaurants, then list_numbers with the state idle (free), else search_numbers,
  then assign_number with one exact number. A new restaurant: create_restaurant first.
- Many restaurants at once: plan_batch, then start_batch with its quote_id.
- assign_number, buy_number, start_batch, move_number and release_number ask the person before anything happens. Say
  beforehand what it costs; never say yes in the person's place. Where your client cannot ask, what costs money takes
  the quote_id of quote_number or plan_batch and a key with a budget.
- Every refusal begins with a code and ends with what to do next. After a failure look before you repeat:
  show_restaurant, list_numbers, show_history. What is on its way is told by list_debts.
- A call that went astray: explain_call. What it costs: show_costs. Whether carriers, Vapi and our tables agree:
  plan_reconcile."""


@dataclass(frozen=True)
class Offered:
    """A tool: what its caller's key needs, and whether a restaurant's own key may use it."""

    work: Callable[..., Any]
    scopes: frozenset[str]
    annotations: ToolAnnotations
    own: bool = False


def _offered(work: Callable[..., Any], scopes: str, annotations: ToolAnnotations, own: bool = False) -> Offered:
    return Offered(work, frozenset(scopes.split()), annotations, own)


TOOLS = {
    one.work.__name__: one
    for one in (
        _offered(looking.find_restaurants, "restaurants:read", LOOKS),
        _offered(looking.show_restaurant, "restaurants:read", LOOKS, own=True),
        _offered(doing.create_restaurant, "restaurants:write", ADDS),
        _offered(looking.list_numbers, "numbers:read", LOOKS),
        _offered(looking.search_numbers, "numbers:read", LOOKS),
        _offered(doing.quote_number, "numbers:buy restaurants:read", LOOKS),
        _offered(doing.assign_number, "numbers:buy restaurants:read", BUYS),
        _offered(doing.buy_number, "numbers:buy", BUYS),
        _offered(doing.move_number, "restaurants:write restaurants:read numbers:read", ENDS),
        _offered(doing.release_number, "numbers:release numbers:read", ENDS),
        _offered(many.plan_batch, "batches:write", LOOKS),
        _offered(many.start_batch, "batches:write", BUYS),
        _offered(looking.list_debts, "numbers:read", LOOKS),
        _offered(looking.show_costs, "numbers:read", LOOKS),
        _offered(looking.plan_reconcile, "numbers:read", LOOKS),
        _offered(looking.explain_call, "calls:read", LOOKS),
        _offered(looking.show_history, "events:read", LOOKS, own=True),
    )
}


def build_server(connect: Connect, quotes: Quotes) -> MCPServer[dict[str, Quotes]]:
    """`connect` opens a client of our API that shows what the caller of a request has shown. What `quotes` seals is
    opened by every process that has its key, so that several may answer one assistant."""

    @asynccontextmanager
    async def life(_: MCPServer[dict[str, Quotes]]) -> AsyncIterator[dict[str, Quotes]]:
        yield {QUOTES: quotes}

    async def gate(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method not in ("tools/list", "tools/call"):
            return await call_next(ctx)
        async with connect(ctx) as client:
            try:
                caller = Caller(client, await client.identity())
            except TrunklineClientError as error:
                raise MCPError(INTERNAL_ERROR, str(error)) from None
            with called_by(caller):
                return await _within(caller, ctx, call_next)

    server = MCPServer(
        "trunkline",
        title="Trunkline",
        instructions=INSTRUCTIONS,
        version=__version__,
        lifespan=life,
        middleware=[gate],
        request_state_security=RequestStateSecurity(keys=[quotes.key]),
    )
    for name, tool in TOOLS.items():
        server.add_tool(tool.work, name, annotations=tool.annotations)
    return server


async def _within(caller: Caller, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """A key sees and calls the tools for which it has the scopes, and no others."""
    his = {name for name, tool in TOOLS.items() if caller.may(tool.scopes, tool.own)}
    if ctx.method == "tools/call":
        name = str((ctx.params or {}).get("name"))
        if name in TOOLS and name not in his:
            needed = ", ".join(sorted(TOOLS[name].scopes))
            raise MCPError(INVALID_PARAMS, f"forbidden: {name} needs a key of all restaurants with {needed}")
        return _code_first(name, await call_next(ctx))
    listed = await call_next(ctx)
    assert isinstance(listed, dict)  # as it goes out
    return listed | {"tools": [tool for tool in listed["tools"] if tool["name"] in his]}


def _code_first(name: str, told: HandlerResult) -> HandlerResult:
    """A refusal without what the library writes before it."""
    if isinstance(told, dict) and told.get("isError"):
        for part in told["content"]:
            part["text"] = part["text"].removeprefix(f"Error executing tool {name}: ")
    return told
