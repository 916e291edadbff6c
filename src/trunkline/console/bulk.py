"""Many numbers at once: what a filter shows is released, protected or not protected any more, on one page's yes."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response

from trunkline.console.confirming import REASON, Question, once_of
from trunkline.console.numbers import DEEDS, filter_of
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db.figures import ZERO
from trunkline.db.models import Number
from trunkline.domain.money import money
from trunkline.domain.scopes import Scope
from trunkline.workflows.change_many import MOST, Chosen, Deed, change_many, choose

router = APIRouter(prefix="/console/numbers/bulk", route_class=PageRoute, include_in_schema=False)
SAMPLE = 10
SAYS = {
    Deed.RELEASE: "Given back, a number costs nothing more, and may be lost. Kept at its carrier, it is taken out of"
    " Vapi, and is still paid for. Each page tells how far it is.",
    Deed.PROTECT: "Protected numbers are released by nothing but a person's own word.",
    Deed.UNPROTECT: "They can be released again, by whoever may.",
}


@router.get("/{deed}", dependencies=needs(Scope.NUMBERS_RELEASE))
async def ask(page: PageDep, deed: Deed) -> Response:
    return (await _question(page, deed)).show(page)


@router.post("/{deed}", dependencies=needs(Scope.NUMBERS_RELEASE))
async def act(page: PageDep, deed: Deed) -> Response:
    wanted = filter_of(page)

    async def change(form: dict[str, str]) -> str:
        checksum, give_back = form.get("checksum", ""), "give_back" in form
        once = once_of(form, "console.changeMany", deed=deed, checksum=checksum, give_back=give_back)
        await change_many(page.services, wanted, deed, checksum, give_back=give_back, once=once)
        return "/numbers" + ("?state=releasing" if deed is Deed.RELEASE else f"?{page.request.url.query}")

    return await (await _question(page, deed)).answer(page, change)


async def _question(page: Page, deed: Deed) -> Question:
    async with page.services.database.read() as session:
        chosen = await choose(session, filter_of(page), deed)
    count, back = len(chosen.rows), f"/numbers?{page.request.url.query}"
    if not count:
        says = [f"Of the numbers that are shown there is none that this can be done to. {' '.join(_left_out(chosen))}"]
        return Question(f"{DEEDS[deed]} many numbers", says, "", back)
    what = f"{count} number{'s' if count > 1 else ''}"
    title = f"{DEEDS[deed]} {what}"
    says = [SAYS[deed], *_left_out(chosen)]
    if count > SAMPLE:
        says.append(f"These are the first {SAMPLE}:")
    return Question(
        title,
        says,
        f"{title}, {_monthly(chosen.rows)}",
        back,
        ends=deed is Deed.RELEASE,
        fields=(REASON,),
        checks=(("give_back", "give them back to their carriers"),) if deed is Deed.RELEASE else (),
        carried=(("checksum", chosen.checksum),),
        rows=chosen.rows[:SAMPLE],
    )


def _monthly(rows: Sequence[Number]) -> str:
    """What they cost a month, for each currency."""
    priced = [row for row in rows if row.monthly_price is not None]
    sums = {
        currency: sum((row.monthly_price or ZERO for row in priced if row.currency == currency), ZERO)
        for currency in sorted({row.currency for row in priced}, key=str)
    }
    told = [money(amount, currency) for currency, amount in sums.items()]
    return " and ".join(told) if told else "whose price is not known"


def _left_out(chosen: Chosen) -> list[str]:
    told = []
    if chosen.later:
        told.append(f"{MOST} at once are the most: {chosen.later} more are left for the next time.")
    if chosen.protected:
        told.append(f"{chosen.protected} protected ones are left out.")
    if chosen.others:
        told.append(f"{chosen.others} are left out that serve somebody, are not held, or are so already.")
    return told
