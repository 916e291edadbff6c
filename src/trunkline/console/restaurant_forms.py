"""What is done to a restaurant: created, given a number, changed, deleted."""

from __future__ import annotations

from fastapi import APIRouter, Response

from trunkline.console.confirming import REASON, Question, once_of
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.restaurants import named
from trunkline.console.routing import PageRoute
from trunkline.console.wishes import criteria_of, month_after
from trunkline.db import mappings, restaurants
from trunkline.db.models import Restaurant
from trunkline.domain.money import Money
from trunkline.domain.notes import RestaurantChange, RestaurantNotes
from trunkline.domain.scopes import OF_A_RESTAURANT, Scope
from trunkline.domain.wishes import Wish
from trunkline.errors import NotFound, TrunklineError
from trunkline.workflows.manage_keys import renew_restaurants_key
from trunkline.workflows.manage_restaurant import (
    activate_phone,
    create_restaurant,
    delete_restaurant,
    edit_restaurant,
    request_number,
)
from trunkline.workflows.move_number import request_swap
from trunkline.workflows.plan_batch import Plan, plan_for

router = APIRouter(prefix="/console/restaurants", route_class=PageRoute, include_in_schema=False)


async def living(page: Page, restaurant_id: str) -> Restaurant:
    async with page.services.database.read() as session:
        return await restaurants.get(session, restaurant_id)


@router.get("/new", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def ask_new(page: PageDep) -> Response:
    return page.show_form("restaurants/new.html")


@router.post("/new", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def create(page: PageDep) -> Response:
    form = await page.form()
    try:
        if "later" not in form:
            page.visitor.needs(Scope.NUMBERS_BUY)
        wish = Wish.asked(criteria_of(form))
        notes = RestaurantNotes.checked(form.get("external_id"), None)
        asked = {"name": form.get("name"), "wish": wish.plain(), "notes": notes.plain(), "later": form.get("later")}
        once = once_of(form, "console.createRestaurant", **asked)
        created = await create_restaurant(
            page.services, form.get("name", ""), wish, once, notes=notes, assign="later" not in form
        )
    except TrunklineError as error:
        return page.show_form("restaurants/new.html", error)
    if created.api_key is not None and page.visitor.may_give(OF_A_RESTAURANT):
        return _key_shown(page, await living(page, created.restaurant_id), created.api_key)
    return page.go(f"/restaurants/{created.restaurant_id}")


def _key_shown(page: Page, restaurant: Restaurant, api_key: str) -> Response:
    return page.show("restaurants/key.html", restaurant=restaurant, api_key=api_key)


@router.get("/{restaurant_id}/assign", dependencies=needs(Scope.NUMBERS_BUY))
async def ask_assign(page: PageDep, restaurant_id: str) -> Response:
    restaurant = await living(page, restaurant_id)
    return await _planned(page, restaurant, None)


@router.post("/{restaurant_id}/assign", dependencies=needs(Scope.NUMBERS_BUY))
async def assign(page: PageDep, restaurant_id: str) -> Response:
    restaurant, form = await living(page, restaurant_id), await page.form()
    if "look" in form:
        return await _planned(page, restaurant, None)
    try:
        wish = Wish.asked(criteria_of(form))
        once = once_of(form, "console.assignPhone", restaurant_id=restaurant_id, wish=wish.plain())
        await request_number(page.services, restaurant_id, wish, once=once)
    except TrunklineError as error:
        return await _planned(page, restaurant, error)
    return page.go(f"/restaurants/{restaurant_id}")


async def _planned(page: Page, restaurant: Restaurant, problem: TrunklineError | None) -> Response:
    """With what would be done now for what is asked: by its last wish, until something else is typed."""
    form = await page.form()
    given = form or dict(restaurant.wish or {})
    plan: Plan | None = None
    try:
        plan = await plan_for(page.services, [(restaurant.id, Wish.asked(criteria_of(given)))])
    except TrunklineError as error:
        problem = problem or error
    prices = [
        Money(p.monthly_price, p.currency) for p in (plan.purchases if plan else []) if p.monthly_price and p.currency
    ]
    after = await month_after(page, *prices)
    return page.show_form(
        "restaurants/assign.html", problem, restaurant=restaurant, asked=given, plan=plan, after=after
    )


@router.get("/{restaurant_id}/edit", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def ask_edit(page: PageDep, restaurant_id: str) -> Response:
    restaurant = await living(page, restaurant_id)
    return page.show("restaurants/edit.html", restaurant=restaurant, given=_as_it_is(restaurant))


@router.post("/{restaurant_id}/edit", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def edit(page: PageDep, restaurant_id: str) -> Response:
    restaurant, form = await living(page, restaurant_id), await page.form()
    try:
        change = RestaurantChange(name=form.get("name", ""), external_id=form.get("external_id", ""))
        await edit_restaurant(page.services, restaurant_id, change)
    except TrunklineError as error:
        status = error.status
        return page.show("restaurants/edit.html", status=status, restaurant=restaurant, problem=error, given=form)
    return page.go(f"/restaurants/{restaurant_id}")


def _as_it_is(restaurant: Restaurant) -> dict[str, str]:
    return {"name": restaurant.name, "external_id": restaurant.external_id or ""}


def _of(title: str, restaurant: Restaurant, button: str, *says: str, ends: bool = False, **more: object) -> Question:
    return Question(title, says, button, f"/restaurants/{restaurant.id}", ends, **more)  # type: ignore[arg-type]


async def _activation(page: Page, restaurant_id: str) -> Question:
    restaurant = await living(page, restaurant_id)
    async with page.services.database.read() as session:
        mapping = await mappings.current(session, restaurant_id)
    if mapping is None:
        raise NotFound(f"{restaurant.name} has no number", hint="get it one first")
    means = f"From now on who calls {mapping.number} is answered for {restaurant.name}, and for nobody else."
    return _of(f"Let the calls come to {restaurant.name}", restaurant, "Let them come here", means)


@router.get("/{restaurant_id}/activate", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def ask_activate(page: PageDep, restaurant_id: str) -> Response:
    return (await _activation(page, restaurant_id)).show(page)


@router.post("/{restaurant_id}/activate", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def activate(page: PageDep, restaurant_id: str) -> Response:
    async def act(_: dict[str, str]) -> str:
        await activate_phone(page.services, restaurant_id)
        return f"/restaurants/{restaurant_id}"

    return await (await _activation(page, restaurant_id)).answer(page, act)


async def _swap(page: Page, restaurant_id: str) -> Question:
    restaurant = await living(page, restaurant_id)
    means = f"{restaurant.name} gets the other's number, and the other one that of {restaurant.name}, in one moment."
    fields = (("other", "The other restaurant: its name, external id or id"), REASON)
    return _of(f"Swap the number of {restaurant.name}", restaurant, "Swap the two", means, fields=fields)


@router.get("/{restaurant_id}/swap", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def ask_swap(page: PageDep, restaurant_id: str) -> Response:
    return (await _swap(page, restaurant_id)).show(page)


@router.post("/{restaurant_id}/swap", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def swap(page: PageDep, restaurant_id: str) -> Response:
    async def act(form: dict[str, str]) -> str:
        other, reason = await named(page, form.get("other", "")), form.get("reason")
        once = once_of(form, "console.swapPhone", restaurant_id=restaurant_id, other=other, reason=reason)
        async with page.services.database.read() as session:
            mapping = await mappings.current(session, restaurant_id)
        await request_swap(page.services, restaurant_id, other, reason, once)
        return f"/numbers/{mapping.number}" if mapping else f"/restaurants/{restaurant_id}"

    return await (await _swap(page, restaurant_id)).answer(page, act)


async def _new_key(page: Page, restaurant_id: str) -> Question:
    restaurant = await living(page, restaurant_id)
    means = "It reads this restaurant's data and nothing else. The key that it has now works for 24 h more."
    checks = (("force", "The keys until now end at once, also within 24 h of the last time."),)
    return _of(f"A new key for {restaurant.name}", restaurant, "Make a new key", means, checks=checks, ends=True)


@router.get("/{restaurant_id}/rotate-key", dependencies=needs(Scope.KEYS_WRITE))
async def ask_new_key(page: PageDep, restaurant_id: str) -> Response:
    return (await _new_key(page, restaurant_id)).show(page)


@router.post("/{restaurant_id}/rotate-key", dependencies=needs(Scope.KEYS_WRITE))
async def new_key(page: PageDep, restaurant_id: str) -> Response:
    restaurant = await living(page, restaurant_id)
    force = "force" in await page.form()
    try:
        api_key = await renew_restaurants_key(page.services, page.visitor, restaurant_id, force=force)
    except TrunklineError as error:
        return (await _new_key(page, restaurant_id)).show(page, error)
    return _key_shown(page, restaurant, api_key)


async def _deletion(page: Page, restaurant_id: str) -> Question:
    restaurant = await living(page, restaurant_id)
    async with page.services.database.read() as session:
        mapping = await mappings.current(session, restaurant_id)
    says = ["Its calls are not answered any more. What is known of it stays readable."]
    if mapping is not None:
        hours = page.services.settings.number_cooldown_hours
        freed = f"{mapping.number} serves nobody then, cools down for {hours:g} hours, and is still paid for."
        says.append(freed)
    return _of(f"Delete {restaurant.name}", restaurant, "Delete it", *says, ends=True, fields=(REASON,))


@router.get("/{restaurant_id}/delete", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def ask_delete(page: PageDep, restaurant_id: str) -> Response:
    return (await _deletion(page, restaurant_id)).show(page)


@router.post("/{restaurant_id}/delete", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def delete(page: PageDep, restaurant_id: str) -> Response:
    async def act(_: dict[str, str]) -> str:
        freed = await delete_restaurant(page.services, restaurant_id)
        return f"/numbers/{freed}" if freed else "/restaurants"

    return await (await _deletion(page, restaurant_id)).answer(page, act)
