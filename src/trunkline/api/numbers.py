"""Numbers: those that we hold or know, those for sale, and giving one up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.dependencies import BECAUSE, KeyDep, NumberPath, ServicesDep
from trunkline.api.described import numbers as described
from trunkline.api.once import answer_once
from trunkline.api.paging import cut
from trunkline.api.permission import needs
from trunkline.api.shapes.numbers import (
    CountQuery,
    NumberCounts,
    NumberDetail,
    NumberPage,
    NumberPatch,
    NumberQuery,
    OfferQuery,
    Offers,
    Release,
    ReleaseBody,
    show_detail,
    show_numbers,
    show_offer,
    show_refusal,
    show_releases,
)
from trunkline.db import figures, number_lists, numbers, runs
from trunkline.db.runs import RELEASES
from trunkline.domain.scopes import Scope
from trunkline.workflows.describe_number import describe_number
from trunkline.workflows.once import Once
from trunkline.workflows.release_number import request_release
from trunkline.workflows.search_numbers import search_numbers

router = APIRouter(tags=["numbers"])


@router.get("/api/numbers", dependencies=needs(Scope.NUMBERS_READ), **described.LIST_NUMBERS)
async def list_all(services: ServicesDep, query: Annotated[NumberQuery, Query()]) -> NumberPage:
    async with services.database.read() as session:
        found = await number_lists.page(
            session, query.wanted(), query.sort, number_lists.after(query.cursor, query.sort), query.limit + 1
        )
        shown, cursor = cut(found, query.limit, lambda row: number_lists.place_of(row, query.sort))
        return NumberPage(items=await show_numbers(session, shown), next_cursor=cursor)


@router.get("/api/numbers/counts", dependencies=needs(Scope.NUMBERS_READ), **described.COUNT_NUMBERS)
async def count(services: ServicesDep, query: Annotated[CountQuery, Query()]) -> NumberCounts:
    async with services.database.read() as session:
        counts = figures.by_state(await figures.counted(session, query.wanted()))
    return NumberCounts(total=sum(counts.values()), by_state=counts)


@router.get("/api/numbers/search", dependencies=needs(Scope.NUMBERS_READ), **described.SEARCH_NUMBERS)
async def search(services: ServicesDep, query: Annotated[OfferQuery, Query()]) -> Offers:
    found = await search_numbers(services, query.criteria(), query.limit)
    return Offers(
        items=[show_offer(carrier, offer) for carrier, offers in found.offers.items() for offer in offers],
        refusals=[show_refusal(carrier, error) for carrier, error in found.refusals.items()],
    )


@router.get("/api/numbers/{number}", dependencies=needs(Scope.NUMBERS_READ), **described.GET_NUMBER)
async def read(services: ServicesDep, number: NumberPath) -> NumberDetail:
    async with services.database.read() as session:
        row = await numbers.get(session, number)
        return await show_detail(session, row, await runs.releases_of(session, row.number))


@router.patch("/api/numbers/{number}", dependencies=needs(Scope.NUMBERS_RELEASE), **described.PATCH_NUMBER)
async def change(
    services: ServicesDep,
    number: NumberPath,
    body: Annotated[NumberPatch, Body(openapi_examples=described.PATCHES)],
) -> NumberDetail:
    await describe_number(services, number, body.notes())
    return await read(services, number)


@router.post(
    "/api/numbers/{number}/release",
    status_code=202,
    dependencies=[*needs(Scope.NUMBERS_RELEASE), BECAUSE],
    **described.RELEASE_NUMBER,
)
async def release(
    services: ServicesDep,
    number: NumberPath,
    key: KeyDep,
    response: Response,
    body: Annotated[ReleaseBody | None, Body(openapi_examples=described.RELEASES)] = None,
) -> Release:
    wish = body or ReleaseBody()
    once = Once.asked(key, "releaseNumber", number=number, **wish.model_dump())
    release_id = await request_release(services, number, give_back=wish.give_back, force=wish.force, once=once)
    response.headers["Location"] = f"/api/releases/{release_id}"
    return await answer_once(services, once, response, Release, lambda session: _show_release(session, release_id))


@router.get("/api/releases/{release_id}", dependencies=needs(Scope.NUMBERS_READ), **described.GET_RELEASE)
async def read_release(
    services: ServicesDep,
    release_id: Annotated[str, Path(description="the release's id", examples=[described.RELEASE_ID])],
) -> Release:
    async with services.database.read() as session:
        return await _show_release(session, release_id)


async def _show_release(session: AsyncSession, release_id: str) -> Release:
    return (await show_releases(session, [await RELEASES.get(session, release_id)]))[0]
