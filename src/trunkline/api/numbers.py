"""Numbers: those that we hold or know, those for sale, and giving one up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Response

from trunkline.api import answers, examples
from trunkline.api.dependencies import ServicesDep, operator
from trunkline.api.paging import after_id, cut
from trunkline.api.problems import documented
from trunkline.api.schemas import (
    NumberDetail,
    NumberPage,
    NumberQuery,
    OfferQuery,
    Offers,
    Refusal,
    Release,
    ReleaseBody,
)
from trunkline.db import numbers, releases
from trunkline.db.runs import RELEASES
from trunkline.domain.numbers import E164, parse_number
from trunkline.workflows.release_number import request_release
from trunkline.workflows.search_numbers import search_numbers
from trunkline.workflows.services import Services

router = APIRouter(tags=["numbers"], dependencies=[Depends(operator)])
NumberPath = Annotated[
    str, Path(description="in E.164, or as it is written in DEFAULT_COUNTRY", examples=[examples.NUMBER])
]


@router.get(
    "/api/numbers",
    operation_id="listNumbers",
    summary="List numbers",
    description="All that we hold or know, in numerical order.",
    responses={
        200: examples.answered("A page.", page=("The last page", examples.NUMBER_PAGE)),
        **documented(*examples.REFUSED, examples.BAD_CURSOR),
    },
)
async def list_all(services: ServicesDep, query: Annotated[NumberQuery, Query()]) -> NumberPage:
    async with services.database.read() as session:
        found = await numbers.page(
            session, after=after_id(query.cursor), limit=query.limit + 1, state=query.state, carrier=query.carrier
        )
        shown, cursor = cut(found, query.limit, lambda row: row.number)
        return NumberPage(items=await answers.numbers(session, shown), next_cursor=cursor)


@router.get(
    "/api/numbers/search",
    operation_id="searchNumbers",
    summary="Search what is for sale",
    description="Asks every configured carrier, or the one named. Nothing is reserved.",
    responses={
        200: examples.answered(
            "Offers, each carrier's cheapest first.", offers=("One of two refuses", examples.OFFERS)
        ),
        **documented(*examples.REFUSED, examples.BAD_FIELD, examples.NO_CARRIER, *examples.CARRIER_PROBLEMS),
    },
)
async def search(services: ServicesDep, query: Annotated[OfferQuery, Query()]) -> Offers:
    found = await search_numbers(services, query.criteria(), query.limit)
    return Offers(
        items=[answers.offer(carrier, offer) for carrier, offers in found.offers.items() for offer in offers],
        refusals=[
            Refusal(carrier=carrier, code=error.code, detail=error.detail, hint=error.hint)
            for carrier, error in found.refusals.items()
        ],
    )


@router.get(
    "/api/numbers/{number}",
    operation_id="getNumber",
    summary="Read a number",
    description="With everyone whom it ever served, and its releases.",
    responses={
        200: examples.answered("The number.", one=("In service", examples.NUMBER_DETAIL)),
        **documented(*examples.REFUSED, examples.UNKNOWN_NUMBER, examples.BAD_NUMBER),
    },
)
async def read(services: ServicesDep, number: NumberPath) -> NumberDetail:
    async with services.database.read() as session:
        row = await numbers.get(session, _e164(services, number))
        return await answers.number_detail(session, row, await releases.of_number(session, row.number))


@router.post(
    "/api/numbers/{number}/release",
    operation_id="releaseNumber",
    summary="Give a number up",
    description="Takes it off the assistant and out of Vapi; then its old settings are put back at the carrier, or "
    "with `give_back` it is returned, which ends its price. Goes on by itself until it is done; nobody need wait.",
    status_code=202,
    responses={
        202: examples.answered(
            "The release has begun.",
            begun=("To be given back", examples.RELEASE),
            headers={"Location": examples.header("the release", f"/api/releases/{examples.RELEASE_ID}")},
        ),
        **documented(
            *examples.REFUSED,
            *examples.MALFORMED,
            examples.UNKNOWN_NUMBER,
            examples.BAD_NUMBER,
            examples.IN_SERVICE,
            examples.NOT_HELD,
        ),
    },
)
async def release(
    services: ServicesDep,
    number: NumberPath,
    response: Response,
    body: Annotated[ReleaseBody | None, Body(openapi_examples=examples.RELEASES)] = None,
) -> Release:
    wish = body or ReleaseBody()
    release_id = await request_release(services, _e164(services, number), give_back=wish.give_back, force=wish.force)
    response.headers["Location"] = f"/api/releases/{release_id}"
    return await _release(services, release_id)


@router.get(
    "/api/releases/{release_id}",
    operation_id="getRelease",
    summary="Read a release",
    description="Ask again while its status is `running`; one that is `owed` is tried again by itself.",
    responses={
        200: examples.answered("The release.", done=("It is done", examples.RELEASED)),
        **documented(*examples.REFUSED, examples.NO_RELEASE),
    },
)
async def read_release(
    services: ServicesDep,
    release_id: Annotated[str, Path(description="the release's id", examples=[examples.RELEASE_ID])],
) -> Release:
    return await _release(services, release_id)


async def _release(services: Services, release_id: str) -> Release:
    async with services.database.read() as session:
        return (await answers.releases(session, [await RELEASES.get(session, release_id)]))[0]


def _e164(services: Services, number: str) -> E164:
    return parse_number(number, services.settings.default_country)
