"""The accounts at providers that this installation works with, and what a person decides about them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path

from trunkline.api.dependencies import BECAUSE, ServicesDep
from trunkline.api.described import accounts as described
from trunkline.api.permission import needs
from trunkline.api.shapes.accounts import Installation, ProviderAccount, ProviderAccounts, TakeOver, show_account
from trunkline.domain.scopes import Scope
from trunkline.workflows.accounts import accept, all_keys, take_over

router = APIRouter(prefix="/api/accounts", tags=["accounts"])


@router.get("", dependencies=needs(Scope.NUMBERS_READ), **described.LIST_ACCOUNTS)
async def list_all(services: ServicesDep) -> ProviderAccounts:
    return ProviderAccounts(items=[show_account(keys) for keys in await all_keys(services)])


@router.post("/{provider}/accept", dependencies=[*needs(Scope.RECONCILE_APPLY), BECAUSE], **described.ACCEPT_ACCOUNT)
async def accept_account(
    services: ServicesDep, provider: Annotated[str, Path(description="a carrier, or voice", examples=["twilio"])]
) -> ProviderAccount:
    return show_account(await accept(services, provider))


@router.post("/take-over", dependencies=[*needs(Scope.RECONCILE_APPLY), BECAUSE], **described.TAKE_OVER_INSTALLATION)
async def take_over_installation(
    services: ServicesDep,
    body: Annotated[
        TakeOver,
        Body(openapi_examples={"lost": {"summary": "A lost database's", "value": {"installation": "abcd1234"}}}),
    ],
) -> Installation:
    return Installation(name=await take_over(services, body.installation))
