"""What is done to a number: moved, taken off, described, released."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Response

from trunkline.console.confirming import REASON, Question, once_of
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.restaurants import named
from trunkline.console.routing import PageRoute
from trunkline.db import mappings, numbers
from trunkline.db.models import Number
from trunkline.domain.money import money
from trunkline.domain.notes import NumberNotes, checked_labels
from trunkline.domain.numbers import international_form
from trunkline.domain.scopes import Scope
from trunkline.domain.states import OwnNumber
from trunkline.errors import InvalidInput, TrunklineError
from trunkline.workflows.describe_number import describe_number
from trunkline.workflows.move_number import request_move, unassign
from trunkline.workflows.release_number import request_release

router = APIRouter(prefix="/console/numbers", route_class=PageRoute, include_in_schema=False)


async def known(page: Page, number: str) -> tuple[Number, list[str]]:
    """Its row, and the names of whom it serves."""
    wanted = page.number(number)
    async with page.services.database.read() as session:
        row = await numbers.get(session, wanted)
        served = (await mappings.sharers(session, [wanted])).get(wanted, [])
    return row, [name for _, name, _ in served]


def _where(row: Number) -> str:
    return f"/numbers/{row.number}"


async def _move(page: Page, number: str) -> Question:
    row, served = await known(page, number)
    shown = international_form(row.number)
    serves = f"It serves {', '.join(served)}, which loses it." if served else "It serves nobody now."
    return Question(
        f"Move {shown}",
        (serves, "It is checked first that it rings; then it changes hands in one moment."),
        "Move it",
        _where(row),
        fields=(("to", "To which restaurant: its name, external id or id"), REASON),
        checks=(
            ("replace", "if that one has a number, it loses it"),
            ("renew", "get another number for who loses this one, which may be bought"),
        ),
    )


@router.get("/{number}/move", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def ask_move(page: PageDep, number: str) -> Response:
    return (await _move(page, number)).show(page)


@router.post("/{number}/move", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def move(page: PageDep, number: str) -> Response:
    wanted = page.number(number)

    async def act(form: dict[str, str]) -> str:
        if "to" not in form:
            raise InvalidInput("nobody is named", field="to", hint="name a restaurant")
        if "renew" in form:
            page.visitor.needs(Scope.NUMBERS_BUY)
        to, reason, renew = await named(page, form["to"]), form.get("reason"), "renew" in form
        own = OwnNumber.REPLACE if "replace" in form else OwnNumber.REFUSE
        once = once_of(form, "console.moveNumber", number=wanted, to=to, own=own, renew=renew, reason=reason)
        await request_move(page.services, wanted, to, own_number=own, renew=renew, why=reason, once=once)
        return f"/numbers/{wanted}"

    return await (await _move(page, number)).answer(page, act)


async def _unassignment(page: Page, number: str) -> Question:
    row, served = await known(page, number)
    hours = page.services.settings.number_cooldown_hours
    says = (
        f"{', '.join(served) or 'Nobody'} has it. Who calls it is not answered any more.",
        f"It stays ours and is paid for; other restaurants get it after {hours:g} hours.",
    )
    which = (("restaurant", "Which restaurant loses it: its name or id"),) if len(served) > 1 else ()
    title = f"Take {international_form(row.number)} off"
    return Question(title, says, "Take it off", _where(row), ends=True, fields=(*which, REASON))


@router.get("/{number}/unassign", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def ask_unassign(page: PageDep, number: str) -> Response:
    return (await _unassignment(page, number)).show(page)


@router.post("/{number}/unassign", dependencies=needs(Scope.RESTAURANTS_WRITE))
async def take_off(page: PageDep, number: str) -> Response:
    wanted = page.number(number)

    async def act(form: dict[str, str]) -> str:
        restaurant = await named(page, form["restaurant"]) if "restaurant" in form else None
        await unassign(page.services, wanted, restaurant)
        return f"/numbers/{wanted}"

    return await (await _unassignment(page, number)).answer(page, act)


async def _release(page: Page, number: str) -> Question:
    row, served = await known(page, number)
    price = money(row.monthly_price, row.currency)
    says = [
        f"It costs {price} at {row.carrier or 'its carrier'}. Given back, it costs nothing more, and may be lost.",
        "Kept in the carrier's account, it is taken out of Vapi, answers as it did before, and is still paid for.",
    ]
    checks = [("give_back", "give it back to the carrier")]
    if served or row.protected:
        says.insert(0, f"It serves {', '.join(served)}." if served else "It is protected.")
        checks.append(("force", "release it all the same"))
    title = f"Release {international_form(row.number)}"
    return Question(title, says, "Release it", _where(row), ends=True, fields=(REASON,), checks=checks)


@router.get("/{number}/release", dependencies=needs(Scope.NUMBERS_RELEASE))
async def ask_release(page: PageDep, number: str) -> Response:
    return (await _release(page, number)).show(page)


@router.post("/{number}/release", dependencies=needs(Scope.NUMBERS_RELEASE))
async def release(page: PageDep, number: str) -> Response:
    wanted = page.number(number)

    async def act(form: dict[str, str]) -> str:
        give_back, force = "give_back" in form, "force" in form
        once = once_of(form, "console.releaseNumber", number=wanted, give_back=give_back, force=force)
        await request_release(page.services, wanted, give_back=give_back, force=force, once=once)
        return f"/numbers/{wanted}"

    return await (await _release(page, number)).answer(page, act)


@router.get("/{number}/describe", dependencies=needs(Scope.NUMBERS_RELEASE))
async def ask_describe(page: PageDep, number: str) -> Response:
    row, _ = await known(page, number)
    given = {"labels": ", ".join(row.labels or []), "protected": "yes" if row.protected else ""}
    if row.release_after is not None:
        given["release_after"] = f"{row.release_after:%Y-%m-%d}"
    return page.show("numbers/describe.html", row=row, given=given)


@router.post("/{number}/describe", dependencies=needs(Scope.NUMBERS_RELEASE))
async def describe(page: PageDep, number: str) -> Response:
    row, _ = await known(page, number)
    form = await page.form()
    try:
        after = _day(form.get("release_after"))
        labels = checked_labels([part for part in form.get("labels", "").split(",") if part.strip()])
        said = NumberNotes("protected" in form, labels, after, never_release=after is None)
        await describe_number(page.services, page.number(number), said)
    except TrunklineError as error:
        return page.show("numbers/describe.html", status=error.status, row=row, problem=error, given=form)
    return page.go(_where(row))


def _day(said: str | None) -> datetime | None:
    """The beginning of a day, in UTC."""
    try:
        return datetime.fromisoformat(said).replace(tzinfo=UTC) if said else None
    except ValueError:
        raise InvalidInput(f"{said!r} is no day", field="release_after", hint="write it like 2030-01-31") from None
