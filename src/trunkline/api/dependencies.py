"""What endpoints ask for: the services, and the headers that change how a request is answered."""

from __future__ import annotations

import time
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Path, Query, Request

from trunkline.api.described import NUMBER, RESTAURANT_ID
from trunkline.api.permission import Identified
from trunkline.api.stopping import Stopping
from trunkline.db import restaurants
from trunkline.db.models import Assignment, RunRow
from trunkline.db.runs import ASSIGNMENTS, Runs
from trunkline.domain.acting import give_reason
from trunkline.domain.events import LONGEST_REASON
from trunkline.domain.numbers import E164, parse_number
from trunkline.errors import InvalidInput, Unauthorized
from trunkline.texts import one_line
from trunkline.workflows.identify import identify
from trunkline.workflows.run import end_of
from trunkline.workflows.services import Services

R = TypeVar("R", bound=RunRow)


async def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


async def stopping(request: Request) -> Stopping:
    found: Stopping = request.app.state.stopping
    return found


ServicesDep = Annotated[Services, Depends(services)]
StoppingDep = Annotated[Stopping, Depends(stopping)]


async def restaurant_id(
    services: ServicesDep,
    identity: Identified,
    restaurant_id: Annotated[
        str, Path(description="the restaurant's id, external_id or exact name", examples=[RESTAURANT_ID])
    ],
) -> str:
    """Its id, by whatever the operator names it; a restaurant's key names it by its id."""
    if not identity.is_operator:
        return restaurant_id
    async with services.database.read() as session:
        return await restaurants.id_of(session, restaurant_id)


RestaurantId = Annotated[str, Depends(restaurant_id)]


async def number(
    services: ServicesDep,
    number: Annotated[str, Path(description="in E.164, or as it is written in DEFAULT_COUNTRY", examples=[NUMBER])],
) -> E164:
    return parse_number(number, services.settings.default_country)


NumberPath = Annotated[E164, Depends(number)]


class Listener:
    """Who follows a stream, which may outlast its key."""

    def __init__(self, request: Request, services: ServicesDep) -> None:
        self._headers, self._services = request.headers, services

    async def may_be_told(self) -> bool:
        """Asked before anything is told: its key may have been revoked, renewed or have expired meanwhile."""
        try:
            await identify(self._headers, self._services)
        except Unauthorized:
            return False
        return True


ListenerDep = Annotated[Listener, Depends()]


class Patience:
    """How long a caller waits for what it starts, counted from the request's beginning."""

    def __init__(self, services: Services, stopping: Stopping, respond_async: bool) -> None:
        self.respond_async = respond_async
        self._services = services
        self._stopping = stopping
        self._until = time.monotonic() + (0 if respond_async else services.settings.assign_wait_seconds)

    @property
    def left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    async def end_of(self, assignment_id: str) -> Assignment:
        return await self.end_of_run(ASSIGNMENTS, assignment_id)

    async def end_of_run(self, kind: Runs[R], run_id: str) -> R:
        """The run once it has ended, or as it stands when the patience or the server ends."""
        return await self._stopping.unless_late(
            end_of(self._services, kind, run_id, self.left), end_of(self._services, kind, run_id, 0)
        )


async def patience(
    services: ServicesDep,
    stopping: StoppingDep,
    prefer: Annotated[
        str | None,
        Header(description="`respond-async`: answer 202 at once instead of waiting for the assignment"),
    ] = None,
) -> Patience:
    """None for a caller that prefers not to wait (RFC 7240), else that of the settings."""
    respond_async = any(part.strip().lower() == "respond-async" for part in (prefer or "").split(","))
    return Patience(services, stopping, respond_async)


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="1 to 200 printable ASCII characters: the same key with the same body gets the same answer, "
            "and nothing happens twice",
        ),
    ] = None,
) -> str | None:
    if key is not None and not (1 <= len(key) <= 200 and key.isascii() and key.isprintable()):
        raise InvalidInput(
            "Idempotency-Key has 1 to 200 printable ASCII characters", field="Idempotency-Key", hint="use a UUID"
        )
    return key


async def because(
    reason: Annotated[
        str | None,
        Query(
            max_length=LONGEST_REASON,
            description="why, for whoever reads the events later; of a person",
            examples=["moved"],
        ),
    ] = None,
) -> None:
    """Of whatever ends or moves something."""
    give_reason(one_line(reason) if reason else None)


BECAUSE = Depends(because)
PatienceDep = Annotated[Patience, Depends(patience)]
KeyDep = Annotated[str | None, Depends(idempotency_key)]
