"""What costs money or ends something is done on a person's yes; where nobody can be asked, on a quote and a budget."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit
from pydantic import BaseModel, Field

from trunkline.client import ApiError, models
from trunkline.client.operations.common import Agreed
from trunkline.mcp.caller import caller, refused
from trunkline.mcp.quotes import Quotes
from trunkline.mcp.shapes import Quote

QUOTES = "quotes"  # of what the server's life holds
NOT_DONE = "nothing was bought, changed or given back"
QuoteId = Annotated[
    str | None, Field(description="of quote_number; needed where your client cannot ask the person itself")
]


class Yes(BaseModel):
    """What a person is asked to tick."""

    yes: bool = Field(description="yes, do it")


Answered = ElicitationResult[Yes]


class Price(BaseModel):
    """What an exact number costs now; `ours` where it is ours already and nothing is paid."""

    number: str
    ours: bool = False
    carrier: str | None = None
    monthly: str | None = None
    at_once: str | None = None
    currency: str | None = None

    @classmethod
    def of(cls, offer: models.Offer) -> Price:
        monthly, at_once = (str(p) if p is not None else None for p in (offer.monthly_price, offer.upfront_price))
        priced = {"monthly": monthly, "at_once": at_once, "currency": offer.currency}
        return cls.model_validate({"number": offer.number, "carrier": offer.carrier} | priced)

    def question(self, restaurant: str | None) -> str:
        """With the number, who sells it, and what is due at once and a month."""
        at_once = f"{self.at_once} {self.currency}" if self.at_once else "nothing"
        whom = f"for {restaurant}" if restaurant else "for stock"
        price = f"It costs {self.monthly_words} from now on, and {at_once} at once besides."
        return f"Buy {self.number} from {self.carrier} {whom}? {price}"

    @property
    def agreed(self) -> Agreed | None:
        """What the yes is for: the server buys nothing dearer, whatever happens after the last look."""
        if self.monthly is None:
            return None
        return {"max_monthly_price": self.monthly, "max_upfront_price": self.at_once or "0", "currency": self.currency}

    @property
    def monthly_words(self) -> str:
        return f"{self.monthly} {self.currency} a month" if self.monthly else "a price a month that nobody tells"


async def price_now(number: str, carrier: str | None) -> Price:
    """What it costs at this moment, or that it is ours."""
    try:
        return Price.of(await caller().ask.price_of_number(number, carrier=carrier))
    except ApiError as error:
        if error.code != "conflict":
            raise
        return Price(number=number, ours=True)


def can_ask(ctx: Context[Any, Any]) -> bool:
    """Whether the client shows a question to a person."""
    capabilities = ctx.client_capabilities
    asks = capabilities.elicitation if capabilities is not None else None
    return asks is not None and (asks.form is not None or asks.url is None)


def agree(ctx: Context[Any, Any], question: str, quote_id: str | None, terms: dict[str, Any]) -> Elicit[Yes] | Yes:
    """The question for the person; where there is none to ask, the quote in his place."""
    if can_ask(ctx):
        return Elicit(question, Yes)
    if quote_id is None:
        hint = "ask quote_number or plan_batch for a quote and show its id, with a key that has a budget"
        raise refused("nobody_to_ask", "this costs money, and your client cannot ask the person", hint)
    refuse_without_budget()
    if quotes_of(ctx).open(quote_id, owner()) != terms:
        hint = "another number, restaurant or price: show the person a new quote"
        raise refused("quote_differs", f"this quote is not for that: {NOT_DONE}", hint)
    return Yes(yes=True)


def must_ask(ctx: Context[Any, Any], question: str) -> Elicit[Yes]:
    """The question for the person, for what no quote stands for."""
    if can_ask(ctx):
        return Elicit(question, Yes)
    hint = "the person does it at the terminal or in the console"
    raise refused("nobody_to_ask", "this ends something, and your client cannot ask the person", hint)


def refuse_unless_yes(answered: Answered) -> None:
    if not (isinstance(answered, AcceptedElicitation) and answered.data.yes):
        raise refused("declined", f"the person did not say yes: {NOT_DONE}", "ask what he wants instead")


def refuse_without_budget() -> None:
    if not caller().who.has_budget:
        hint = "the operator makes a key, `trunkline keys create`, and sets a budget for it, `trunkline budgets set`"
        raise refused("budget_needed", "whoever buys without asking a person needs a key with a budget", hint)


async def refuse_changed(price: Price, carrier: str | None) -> None:
    """A yes is for the price that was told: it is looked at again before the money is spent."""
    now = await price_now(price.number, carrier)
    if now != price:
        hint = "tell the person the new price: ask again"
        raise refused("price_changed", f"the price of {price.number} has changed: {NOT_DONE}", hint)


def quote(ctx: Context[Any, Any], question: str, terms: dict[str, Any]) -> Quote:
    quote_id, ends = quotes_of(ctx).seal(owner(), terms)
    return Quote(quote_id=quote_id, expires_at=datetime.fromtimestamp(ends, UTC), question=question)


def quotes_of(ctx: Context[Any, Any]) -> Quotes:
    found: Quotes = ctx.request_context.lifespan_context[QUOTES]
    return found


def owner() -> str | None:
    """To whom a quote is given: a key, or the operator's secret (None)."""
    return caller().who.key_id
