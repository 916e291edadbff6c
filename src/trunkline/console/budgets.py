"""Budgets: what may be held and bought, and how much of it is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.console.confirming import REASON, Question
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.routing import PageRoute
from trunkline.db import budgets
from trunkline.domain.budgets import ALL, MONEY, WORDS, Budget, Limit, Share, SpendingLimits
from trunkline.domain.choosing import Offer
from trunkline.domain.cursors import after_subject, cut
from trunkline.domain.money import Rates, plain
from trunkline.domain.scopes import Scope
from trunkline.errors import InvalidInput, NotFound, TrunklineError
from trunkline.workflows.budgets import Spender, read_ledger
from trunkline.workflows.manage_budgets import read_budgets, remove_budget, set_budget, subject_of

router = APIRouter(prefix="/console/budgets", route_class=PageRoute, include_in_schema=False)
LIMIT = 50
MOST = 10**8


@router.get("", dependencies=needs(Scope.NUMBERS_READ))
async def list_all(page: PageDep) -> Response:
    async with page.services.database.read() as session:
        found = await budgets.page(session, after=after_subject(page.query("cursor")), limit=LIMIT + 1)
        shown, cursor = cut(found, LIMIT, lambda row: row.subject)
        rows = await read_budgets(session, shown)
    rates = page.services.settings.budget_rates
    told = [(budget, name, budget.shares(rates)) for budget, name in rows]
    return page.show("budgets/list.html", rows=told, cursor=cursor, words=WORDS, money=MONEY)


@router.get("/new", dependencies=needs(Scope.KEYS_WRITE))
async def ask(page: PageDep) -> Response:
    return _form(page, {"budget": page.query("budget") or ALL})


@router.post("/new", dependencies=needs(Scope.KEYS_WRITE))
async def add(page: PageDep) -> Response:
    return await _set(page, (await page.form()).get("budget", ""))


@router.get("/{subject}/edit", dependencies=needs(Scope.KEYS_WRITE))
async def ask_edit(page: PageDep, subject: str) -> Response:
    async with page.services.database.read() as session:
        limits = budgets.limits_of(await budgets.get(session, subject))
    return _form(page, {name: _typed(value) for name, value in vars(limits).items()} | {"budget": subject})


@router.post("/{subject}/edit", dependencies=needs(Scope.KEYS_WRITE))
async def edit(page: PageDep, subject: str) -> Response:
    return await _set(page, subject)


async def _set(page: Page, said: str) -> Response:
    form = await page.form()
    try:
        limits = limits_of(form)
        async with page.services.database.read() as session:
            subject = await _subject(session, said)
        await set_budget(page.services, subject, limits)
    except TrunklineError as error:
        return _form(page, form, error)
    return page.go("/budgets")


async def _subject(session: AsyncSession, said: str) -> str:
    try:
        return await subject_of(session, said)
    except NotFound as error:
        hint = "write all, a restaurant's name or id, or a key's id"
        raise InvalidInput(error.detail, field="budget", hint=hint) from None


def _typed(value: object) -> str:
    return "" if value is None else str(plain(value) if isinstance(value, Decimal) else value)


def _form(page: Page, given: Mapping[str, str], problem: TrunklineError | None = None) -> Response:
    status = problem.status if problem else 200
    return page.show("budgets/edit.html", status=status, problem=problem, given=given)


def limits_of(form: Mapping[str, str]) -> SpendingLimits:
    """InvalidInput names the field that cannot be."""
    given = {limit.value: _amount(form, limit) for limit in Limit}
    return SpendingLimits.checked(form.get("currency"), **given)


def _amount(form: Mapping[str, str], limit: Limit) -> Decimal | int | None:
    said = form.get(limit)
    if said is None:
        return None
    try:
        amount = Decimal(said)
    except InvalidOperation:
        amount = Decimal(-1)
    whole = limit not in MONEY
    if not amount.is_finite() or not 0 <= amount < MOST or amount != round(amount, 0 if whole else 4):
        hint = "a whole number" if whole else "write it like 250.00"
        raise InvalidInput(f"{said!r} is no {'number' if whole else 'amount'}", field=limit, hint=hint)
    return int(amount) if whole else amount


async def _removal(page: Page, subject: str) -> Question:
    async with page.services.database.read() as session:
        ((_, name),) = await read_budgets(session, [await budgets.get(session, subject)])
    says = ("Nothing is limited by it any more, from the next purchase on.",)
    whose = "all" if subject == ALL else name or subject
    return Question(f"Remove the budget of {whose}", says, "Remove it", "/budgets", ends=True, fields=(REASON,))


@router.get("/{subject}/remove", dependencies=needs(Scope.KEYS_WRITE))
async def ask_removal(page: PageDep, subject: str) -> Response:
    return (await _removal(page, subject)).show(page)


@router.post("/{subject}/remove", dependencies=needs(Scope.KEYS_WRITE))
async def remove(page: PageDep, subject: str) -> Response:
    async def act(_: dict[str, str]) -> str:
        await remove_budget(page.services, subject)
        return "/budgets"

    return await (await _removal(page, subject)).answer(page, act)


async def left_after(page: Page, offer: Offer) -> list[tuple[Budget, Share, Share]]:
    """The limits that bind this visitor's purchase of an offer that they allow (`find_offer`): each as it is taken now,
    and as it would be then."""
    rates, spender = page.services.settings.budget_rates, Spender(key_id=page.visitor.key_id)
    async with page.services.database.read() as session:
        ledger = await read_ledger(session, rates, [spender])
    before = [(budget, share) for budget in ledger.budgets.values() for share in budget.shares(rates)]
    ledger.add(spender, offer)
    then = [share for budget in ledger.budgets.values() for share in budget.shares(rates)]
    return [(budget, share, after) for (budget, share), after in zip(before, then, strict=True)]


def nearly_taken(found: Iterable[Budget], rates: Rates) -> list[tuple[Budget, Share]]:
    """Those limits of which most is taken, or that cannot be counted, so that nothing is bought."""
    shares = ((budget, share) for budget in found for share in budget.shares(rates))
    return [(budget, share) for budget, share in shares if share.used is None or share.level is not None]
