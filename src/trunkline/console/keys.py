"""Keys: who may do what; made, renewed, revoked."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Response

from trunkline.console.confirming import REASON, Question, once_of
from trunkline.console.page import Page, PageDep
from trunkline.console.permission import needs
from trunkline.console.restaurants import named
from trunkline.console.routing import PageRoute
from trunkline.db import keys, restaurants
from trunkline.domain.cursors import after_id, cut
from trunkline.domain.scopes import OF_KEYS, WORDS, Scope, in_order, parse_scopes
from trunkline.errors import Conflict, InvalidInput, TrunklineError
from trunkline.workflows.manage_keys import Made, Wanted, create_key, renew_key, revoke_key, seen

router = APIRouter(prefix="/console/keys", route_class=PageRoute, include_in_schema=False)
LIMIT = 50


@router.get("", dependencies=needs(Scope.KEYS_WRITE))
async def list_all(page: PageDep) -> Response:
    revoked = page.query("revoked") == "yes"
    async with page.services.database.read() as session:
        after = after_id(page.query("cursor"))
        found = await keys.page(session, after=after, limit=LIMIT + 1, restaurant_id=None, revoked=revoked)
        shown, cursor = cut(found, LIMIT, lambda row: row.id)
        names = await restaurants.names(session, [row.restaurant_id for row in shown if row.restaurant_id])
    return page.show("keys/list.html", rows=shown, cursor=cursor, names=names, revoked=revoked)


@router.get("/new", dependencies=needs(Scope.KEYS_WRITE))
async def ask(page: PageDep) -> Response:
    return _new(page)


@router.post("/new", dependencies=needs(Scope.KEYS_WRITE))
async def create(page: PageDep) -> Response:
    form = await page.form()
    try:
        scopes = parse_scopes([scope for scope in Scope if scope in form])
        restaurant_id = await named(page, form["restaurant"]) if "restaurant" in form else None
        wanted = Wanted(scopes, restaurant_id, _end_of(form.get("expires_at")), form.get("comment"))
        once = once_of(form, "console.createKey", **vars(wanted) | {"scopes": sorted(scopes)})
        return _shown(page, await create_key(page.services, page.visitor, wanted, once))
    except TrunklineError as error:
        return _new(page, error)


def _new(page: Page, problem: TrunklineError | None = None) -> Response:
    """Only scopes that the visitor has himself can be given."""
    scopes = [(scope, WORDS[scope]) for scope in in_order(page.visitor.scopes & OF_KEYS)]
    return page.show_form("keys/new.html", problem, scopes=scopes)


def _shown(page: Page, made: Made) -> Response:
    if made.api_key is None:
        raise Conflict("this key was made already, and is shown once", hint="renew it from the list of keys")
    return page.show("keys/made.html", api_key=made.api_key)


def _end_of(day: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None
    except ValueError:
        raise InvalidInput(f"{day!r} is no day", field="expires_at", hint="write it like 2030-01-31") from None


async def _name(page: Page, key_id: str) -> str:
    async with page.services.database.read() as session:
        row = await seen(session, page.visitor, key_id)
    return row.comment or f"{row.prefix}..."


async def _renewal(page: Page, key_id: str) -> Question:
    says = ("It gets another secret, which is shown once. The one until now counts for 24 hours more.",)
    checks = (("force", "the one until now ends at once"),)
    title = f"Renew the key {await _name(page, key_id)}"
    return Question(title, says, "Renew it", "/keys", ends=True, fields=(REASON,), checks=checks)


@router.get("/{key_id}/rotate", dependencies=needs(Scope.KEYS_WRITE))
async def ask_renewal(page: PageDep, key_id: str) -> Response:
    return (await _renewal(page, key_id)).show(page)


@router.post("/{key_id}/rotate", dependencies=needs(Scope.KEYS_WRITE))
async def renew(page: PageDep, key_id: str) -> Response:
    try:
        return _shown(page, await renew_key(page.services, page.visitor, key_id, force="force" in await page.form()))
    except TrunklineError as error:
        return (await _renewal(page, key_id)).show(page, error)


async def _revocation(page: Page, key_id: str) -> Question:
    says = ("It opens nothing from then on, here and in the API, and cannot be had back.",)
    title = f"Revoke the key {await _name(page, key_id)}"
    return Question(title, says, "Revoke it", "/keys", ends=True, fields=(REASON,))


@router.get("/{key_id}/revoke", dependencies=needs(Scope.KEYS_WRITE))
async def ask_revocation(page: PageDep, key_id: str) -> Response:
    return (await _revocation(page, key_id)).show(page)


@router.post("/{key_id}/revoke", dependencies=needs(Scope.KEYS_WRITE))
async def revoke(page: PageDep, key_id: str) -> Response:
    async def act(_: dict[str, str]) -> str:
        await revoke_key(page.services, page.visitor, key_id)
        return "/keys"

    return await (await _revocation(page, key_id)).answer(page, act)
