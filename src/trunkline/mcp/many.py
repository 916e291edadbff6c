"""Tools for many restaurants at once: what is started is exactly what was quoted."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import Field

from trunkline.mcp import asking
from trunkline.mcp.asking import Answered, Yes
from trunkline.mcp.caller import caller, refusals, refused
from trunkline.mcp.doing import Ctx
from trunkline.mcp.looking import Carrier, Country
from trunkline.mcp.shapes import Batch, BatchQuote, shown

BatchId = Annotated[str, Field(description="quote_id of plan_batch")]


async def plan_batch(
    ctx: Ctx,
    search: Annotated[str | None, Field(description="a part of the names; all without a number if left out")] = None,
    country: Country = None,
    area_code: str | None = None,
    carrier: Carrier = None,
    most: Annotated[int | None, Field(ge=1, description="restaurants at most")] = None,
) -> BatchQuote:
    """Say what numbers for all restaurants without one would cost, and give a quote that holds for ten minutes.
    Nothing is bought; start_batch does it."""
    asked = {"search": search, "country": country, "area_code": area_code, "carrier": carrier, "limit": most}
    with refusals():
        plan = await caller().ask.plan_batch(**asked)  # type: ignore[arg-type]
    if plan.bought and plan.monthly_price is None:
        hint = "plan for one carrier or one country"
        raise refused("no_price", "what would be bought has no one price in one currency", hint)
    price = f"at most {plan.monthly_price} {plan.currency} a month together"
    bought = f"buys {plan.bought} for {price}" if plan.bought else "buys nothing"
    question = f"Get numbers for {plan.restaurants} restaurants? This reuses {plan.reused} numbers and {bought}."
    bounds = {"max_purchases": plan.bought}
    if plan.bought:
        bounds |= {"max_monthly_price": str(plan.monthly_price), "currency": plan.currency}  # type: ignore[dict-item]
    quote = asking.quote(ctx, question, {"question": question, "batch": asked | bounds})
    figures = {name: getattr(plan, name) for name in BatchQuote.model_fields if hasattr(plan, name)}
    return BatchQuote(**quote.model_dump() | figures)


async def ask_to_start(ctx: Ctx, quote_id: str) -> Elicit[Yes] | Yes:
    terms = batch_terms(ctx, quote_id)
    return asking.agree(ctx, terms["question"], quote_id, terms)


async def start_batch(ctx: Ctx, quote_id: BatchId, answered: Annotated[Answered, Resolve(ask_to_start)]) -> Batch:
    """Start what plan_batch has quoted, within that number of purchases and that price; once for each quote. The person
    is asked first."""
    asking.refuse_unless_yes(answered)
    once = hashlib.sha256(quote_id.encode()).hexdigest()
    with refusals():
        return shown(Batch, await caller().ask.start_batch(idempotency_key=once, **batch_terms(ctx, quote_id)["batch"]))


def batch_terms(ctx: Ctx, quote_id: str) -> dict[str, Any]:
    terms = asking.quotes_of(ctx).open(quote_id, asking.owner())
    if "batch" not in terms:
        raise refused("quote_differs", "this quote is for one number", "plan_batch gives one for a batch")
    return terms
