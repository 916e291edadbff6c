"""Tools that do something: a person is asked before money is spent and before anything ends."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import Field

from trunkline.mcp import asking
from trunkline.mcp.asking import Answered, Price, QuoteId, Yes
from trunkline.mcp.caller import caller, refusals, refused
from trunkline.mcp.looking import Carrier, PhoneNumber, RestaurantName
from trunkline.mcp.shapes import Move, Number, Quote, Release, Restaurant, shown

Reason = Annotated[str | None, Field(description="why, for whoever reads the history later")]
Ctx = Context[Any, Any]


async def create_restaurant(
    name: str,
    external_id: Annotated[str | None, Field(description="your own id of it: the same one creates it once")] = None,
) -> Restaurant:
    """Create a restaurant without a number, which costs nothing; assign_number gets it one."""
    with refusals():
        return shown(
            Restaurant, await caller().ask.create_restaurant(name, assign_phone=False, external_id=external_id)
        )


async def quote_number(
    ctx: Ctx, number: PhoneNumber, restaurant: RestaurantName | None = None, carrier: Carrier = None
) -> Quote:
    """Say what an exact number would cost, for a restaurant or for stock, and give a quote that holds for ten minutes,
    for this number, restaurant and price. Nothing is bought or held."""
    with refusals():
        price = await asking.price_now(number, carrier)
        if price.ours:
            raise refused("conflict", f"{number} is ours already", "assign_number gives it to a restaurant")
        name = await name_of(restaurant)
    return asking.quote(ctx, price.question(name), terms_of(price, restaurant))


async def price_for(number: str, carrier: str | None) -> Price:
    with refusals():
        return await asking.price_now(number, carrier)


PriceNow = Annotated[Price, Resolve(price_for)]


async def ask_to_stock(ctx: Ctx, price: PriceNow, quote_id: str | None) -> Elicit[Yes] | Yes:
    if price.ours:
        raise refused("conflict", f"{price.number} is ours already", "list_numbers shows it")
    return asking.agree(ctx, price.question(None), quote_id, terms_of(price, None))


async def buy_number(
    number: PhoneNumber,
    price: PriceNow,
    answered: Annotated[Answered, Resolve(ask_to_stock)],
    carrier: Carrier = None,
    quote_id: QuoteId = None,
) -> Number:
    """Buy this exact number for stock, once. The person is asked first, with the price."""
    asking.refuse_unless_yes(answered)
    with refusals():
        await asking.refuse_changed(price, carrier)
        return shown(Number, await caller().ask.buy_number(number, carrier=price.carrier, agreed=price.agreed))


async def ask_to_assign(ctx: Ctx, price: PriceNow, restaurant: str, quote_id: str | None) -> Elicit[Yes] | Yes:
    if price.ours:
        return Yes(yes=True)
    with refusals():
        name = await name_of(restaurant)
    return asking.agree(ctx, price.question(name), quote_id, terms_of(price, restaurant))


async def assign_number(
    restaurant: RestaurantName,
    number: PhoneNumber,
    price: PriceNow,
    answered: Annotated[Answered, Resolve(ask_to_assign)],
    carrier: Carrier = None,
    quote_id: QuoteId = None,
) -> Restaurant:
    """Give a restaurant that has no number this exact one. An idle number of ours costs nothing (list_numbers with the
    state idle); one that is for sale is bought, and the person is asked first, with the price."""
    asking.refuse_unless_yes(answered)
    with refusals():
        if not price.ours:
            await asking.refuse_changed(price, carrier)
        served = await caller().ask.assign_phone(
            restaurant, phone_number=number, carrier=price.carrier, agreed=price.agreed
        )
        return shown(Restaurant, served)


async def ask_to_move(ctx: Ctx, number: str, to_restaurant: str, replace: bool) -> Elicit[Yes]:
    with refusals():
        served = (await caller().ask.number(number)).restaurants
        name = await name_of(to_restaurant)
    from_whom = f" from {' and '.join(one.name for one in served)}" if served else ""
    also = ", and end the number that it has" if replace else ""
    return asking.must_ask(ctx, f"Move {number}{from_whom} to {name}{also}? Its calls follow within a second.")


async def move_number(
    number: PhoneNumber,
    to_restaurant: RestaurantName,
    answered: Annotated[Answered, Resolve(ask_to_move)],
    replace: Annotated[bool, Field(description="end the number that the other restaurant has")] = False,
    reason: Reason = None,
) -> Move:
    """Give a number of ours to another restaurant. The person is asked first, as it ends what it served before."""
    asking.refuse_unless_yes(answered)
    with refusals():
        return shown(Move, await caller().ask.move_number(number, to_restaurant, replace=replace, reason=reason))


async def ask_to_release(ctx: Ctx, number: str, give_back: bool) -> Elicit[Yes]:
    with refusals():
        found = await caller().ask.number(number)
    price = asking.Price(number=found.number, carrier=found.carrier, currency=found.currency)
    price.monthly = None if found.monthly_price is None else str(found.monthly_price)
    back = f"gives it back to {found.carrier}, where it cannot be had again" if give_back else "keeps it at its carrier"
    return asking.must_ask(ctx, f"Release {number}, which costs {price.monthly_words}? This {back}.")


async def release_number(
    number: PhoneNumber,
    answered: Annotated[Answered, Resolve(ask_to_release)],
    give_back: Annotated[bool, Field(description="return it to the carrier, so that it costs nothing more")] = False,
    reason: Reason = None,
) -> Release:
    """Give up a number that serves nobody. The person is asked first; a number in service is refused."""
    asking.refuse_unless_yes(answered)
    with refusals():
        return shown(Release, await caller().ask.release_number(number, give_back=give_back, reason=reason))


async def name_of(restaurant: str | None) -> str | None:
    return None if restaurant is None else (await caller().ask.restaurant(restaurant)).name


def terms_of(price: Price, restaurant: str | None) -> dict[str, Any]:
    """What a quote holds for."""
    return {"restaurant": restaurant} | price.model_dump()
