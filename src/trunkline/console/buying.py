"""Search and buy: what is for sale, the price of one number on a page of its own, and the purchase, once."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Response

from trunkline.console.budgets import left_after
from trunkline.console.confirming import once_of
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.restaurants import named
from trunkline.console.routing import PageRoute
from trunkline.console.wishes import criteria_of, month_after
from trunkline.domain.budgets import MONEY, WORDS
from trunkline.domain.choosing import Criteria, Offer
from trunkline.domain.money import Money, PriceLimits
from trunkline.domain.numbers import E164
from trunkline.domain.scopes import Scope
from trunkline.domain.wishes import Wish, agreed
from trunkline.errors import Conflict, TrunklineError
from trunkline.workflows.manage_restaurant import request_number
from trunkline.workflows.once import Once, find_begun
from trunkline.workflows.search_numbers import Found, search_numbers
from trunkline.workflows.stock_number import ForSale, buy_number, find_offer, is_held

router = APIRouter(prefix="/console/buy", route_class=PageRoute, include_in_schema=False)
EACH = 20


@router.get("", dependencies=needs(Scope.NUMBERS_READ))
async def search(page: PageDep) -> Response:
    """What is for sale, once something was asked for."""
    given = {name: value for name, value in page.request.query_params.items() if value}
    found: Found | None = None
    problem: TrunklineError | None = None
    if page.request.query_params:
        try:
            found = await search_numbers(page.services, criteria_of(given), EACH)
        except TrunklineError as error:
            problem = error
    status = problem.status if problem else 200
    return page.show("buying/search.html", status=status, found=found, problem=problem, given=given)


@router.get("/{number}", dependencies=needs(Scope.NUMBERS_BUY))
async def ask(page: PageDep, number: str) -> Response:
    wanted = page.number(number)
    await _refuse_held(page, wanted)
    return await _priced(page, await find_offer(page.services, wanted, page.query("carrier")))


@router.post("/{number}", dependencies=needs(Scope.NUMBERS_BUY))
async def buy(page: PageDep, number: str) -> Response:
    """For a restaurant that is named, or else for stock. Who said yes to another price than today's is asked again."""
    wanted, form = page.number(number), await page.form()
    try:
        to = await named(page, form["restaurant"]) if "restaurant" in form else None
        once = once_of(form, "console.buyNumber", number=wanted, carrier=form.get("carrier"), restaurant_id=to)
        begun = await find_begun(page.services, once)
        limits = None if begun else await _agreed_price(page, wanted, form)
        return page.go(await _bought(page, wanted, form.get("carrier"), to, once, limits))
    except TrunklineError as error:
        return await _priced(page, await find_offer(page.services, wanted, form.get("carrier")), error)


async def _bought(
    page: Page, number: E164, carrier: str | None, to: str | None, once: Once | None, limits: PriceLimits | None
) -> str:
    """Where to look at it. It costs no more than the limits until it is bought."""
    if to is None:
        await buy_number(page.services, number, carrier, once, limits)
        return f"/numbers/{number}"
    wish = Wish.asked(Criteria.checked(carrier=carrier)).picking(number)
    await request_number(page.services, to, replace(wish, agreed=limits), once=once)
    return f"/restaurants/{to}"


async def _refuse_held(page: Page, number: E164) -> None:
    if await is_held(page.services, number):
        raise Conflict(f"{number} is ours already", hint="look for it among the numbers")


async def _agreed_price(page: Page, number: E164, form: dict[str, str]) -> PriceLimits | None:
    """What was said yes to, None where its carrier states no price; Conflict where it is another one by now."""
    await _refuse_held(page, number)
    now = (await find_offer(page.services, number, form.get("carrier"))).offer
    if form.get("price") != _said(now):
        raise Conflict(f"its price is {now.price()} now", hint="look at it below, and say yes again")
    if now.monthly_price is None or now.currency is None:
        return None
    return agreed(f"{now.monthly_price} {now.currency}", f"{now.upfront_price or 0} {now.currency}")


def _said(offer: Offer) -> str:
    """What was said yes to, in the form."""
    return offer.price()


async def _priced(page: Page, sale: ForSale, problem: TrunklineError | None = None) -> Response:
    offer = sale.offer
    known = offer.monthly_price is not None and offer.currency is not None
    after = await month_after(page, *([Money(offer.monthly_price, offer.currency)] if known else []))  # type: ignore[arg-type]
    limits = page.services.settings.max_monthly_price
    return page.show_form(
        "buying/price.html",
        problem,
        offer=offer,
        carrier=sale.carrier.name,
        after=after,
        price=_said(offer),
        limit=limits,
        budgets=await left_after(page, offer),
        words=WORDS,
        money=MONEY,
    )
