"""The accounts at providers that this installation works with, and what a person decides about them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path
from pydantic import Field

from trunkline.api import examples
from trunkline.api.dependencies import ServicesDep, operator
from trunkline.api.problems import documented
from trunkline.api.schemas import Answer
from trunkline.api.schemas import Body as RequestBody
from trunkline.errors import Conflict, InvalidInput, NotFound
from trunkline.workflows.accounts import KeysOf, accept, all_keys, take_over

router = APIRouter(prefix="/api/accounts", tags=["accounts"], dependencies=[Depends(operator)])
NOT_CONFIGURED = NotFound("telnyx is not configured", hint="CARRIERS names those that are, and their keys are set")
IN_USE = Conflict("this database knows numbers already", hint="take over with a new, empty database only")
NO_MARK = InvalidInput("no number in Vapi carries the mark of 'abcd1234'", field="installation")
TWILIO: dict[str, Any] = {"provider": "twilio", "now": "AC0", "accepted": "AC0", "changed": False}


class ProviderAccount(Answer):
    """Whose keys the settings hold for a provider (`voice` is the Vapi organisation), and whose were accepted. While
    they differ, nothing is bought, settled or given back there."""

    provider: str
    now: str = Field(description="the account that the keys in the settings open; empty where that is not known yet")
    accepted: str | None = Field(description="the account that was worked with until now")
    changed: bool


class ProviderAccounts(Answer):
    items: list[ProviderAccount]


class TakeOver(RequestBody):
    """Whose marks are ours from now on."""

    installation: str = Field(min_length=1, max_length=8, description="the name in its owner marks")


class Installation(Answer):
    name: str


def shown(keys: KeysOf) -> ProviderAccount:
    return ProviderAccount(provider=keys.provider, now=keys.now, accepted=keys.accepted, changed=keys.changed)


@router.get(
    "",
    operation_id="listAccounts",
    summary="List the providers' accounts",
    description="Asks each provider whose keys these are.",
    responses={
        200: examples.answered("The accounts.", accounts=("Twilio", {"items": [TWILIO]})),
        **documented(*examples.REFUSED, *examples.CARRIER_PROBLEMS),
    },
)
async def list_all(services: ServicesDep) -> ProviderAccounts:
    return ProviderAccounts(items=[shown(keys) for keys in await all_keys(services)])


@router.post(
    "/{provider}/accept",
    operation_id="acceptAccount",
    summary="Work with another account",
    description="The keys in the settings are meant to be of another account than until now. Numbers that the former "
    "one holds stay there, and are not given back with these keys.",
    responses={
        200: examples.answered("The account.", accepted=("Accepted", TWILIO)),
        **documented(*examples.REFUSED, NOT_CONFIGURED, *examples.CARRIER_PROBLEMS),
    },
)
async def accept_account(
    services: ServicesDep, provider: Annotated[str, Path(description="a carrier, or voice", examples=["twilio"])]
) -> ProviderAccount:
    return shown(await accept(services, provider))


@router.post(
    "/take-over",
    operation_id="takeOverInstallation",
    summary="Be the installation whose marks the numbers carry",
    description="For a new, empty database after the former one was lost: numbers with the marks of that installation "
    "are ours from now on, and idle, as nobody knows any more whom they served.",
    responses={
        200: examples.answered("It is this one now.", taken=("Taken over", {"name": "abcd1234"})),
        **documented(*examples.REFUSED, *examples.MALFORMED, IN_USE, NO_MARK, *examples.CARRIER_PROBLEMS),
    },
)
async def take_over_installation(
    services: ServicesDep,
    body: Annotated[
        TakeOver,
        Body(openapi_examples={"lost": {"summary": "A lost database's", "value": {"installation": "abcd1234"}}}),
    ],
) -> Installation:
    return Installation(name=await take_over(services, body.installation))
