"""Giving a number to another restaurant: what answers it is looked at, then it is handed over in one transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import assignments, debts, mappings, numbers, restaurants
from trunkline.db.models import Assignment, Mapping, Move, Number, Restaurant, utcnow
from trunkline.db.runs import ASSIGNMENTS, MOVES
from trunkline.db.session import DATABASE_AWAY
from trunkline.domain.numbers import E164, NumberState
from trunkline.domain.outcomes import Status, tried_again_by
from trunkline.domain.states import DebtKind, OwnNumber, RunStatus
from trunkline.domain.wishes import Wish
from trunkline.errors import AlreadyAssigned, Conflict, NotFound, RetryLater, Role, Superseded, TrunklineError
from trunkline.workflows import accounts
from trunkline.workflows.assign_number import AssignNumber
from trunkline.workflows.connect_number import Connected, connect_number
from trunkline.workflows.manage_restaurant import refuse_running
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.run import Run, end_of
from trunkline.workflows.services import Services

log = structlog.get_logger()
LOOK_SECONDS = 0.3
PATIENCE = 60.0  # between two looks whether the assignment of a move still runs
BUSY = "try again in a moment"


class Sides(NamedTuple):
    """A move as it is now, on rows that nobody else changes: the number, the mapping of whom it serves (None: nobody),
    who is to have it, and the mapping of the number that this one has."""

    row: Number
    mapping: Mapping | None
    to: Restaurant
    own: Mapping | None

    @property
    def from_id(self) -> str | None:
        return self.mapping.restaurant_id if self.mapping else None


async def request_move(
    services: Services,
    number: E164,
    to_id: str,
    *,
    own_number: OwnNumber = OwnNumber.REFUSE,
    renew: bool = False,
    why: str | None = None,
    once: Once | None = None,
) -> str:
    """Start the move of a number to a restaurant; its id. Once per idempotency key. One that serves it already is moved
    nowhere, and the move is done at once.

    `own_number` says what becomes of the number that the restaurant has, `renew` begins an assignment for the one that
    loses its number. NotFound for a restaurant or number that is not (any more), Conflict for a number that is shared,
    claimed or being moved, AlreadyAssigned where the restaurant has a number and nothing is said of it."""
    asked: dict[str, Any] = {"number": number, "to_id": to_id, "own_number": own_number.value, "renew": renew}
    if before := await find_begun(services, once):
        return before.run

    async def begin(session: AsyncSession) -> Begun:
        sides = await look_at_sides(session, number, to_id)
        ends = {"why": why, "from_id": sides.from_id}
        if sides.from_id == to_id:
            ends |= {"status": RunStatus.DONE.value, "message": f"{number} serves {sides.to.name} already"}
            return Begun((await MOVES.add(session, **asked, **ends, ended_at=utcnow())).id)
        await refuse(session, sides, own_number, renew)
        return Begun((await MOVES.add(session, **asked, **ends)).id)

    try:
        return (await begin_once(services, once, MoveNumber.kind, begin)).run
    except IntegrityError:
        raise Conflict(f"{number} is being moved already", hint=BUSY) from None


async def request_swap(
    services: Services, restaurant_id: str, other_id: str, why: str | None = None, once: Once | None = None
) -> str:
    """Start the exchange of two restaurants' numbers, as a move of the first one's; its id. Conflict where one of them
    has none, else as `request_move`."""
    if before := await find_begun(services, once):
        return before.run
    async with services.database.read() as session:
        await restaurants.get(session, other_id)
        restaurant = await restaurants.get(session, restaurant_id)
        mapping = await mappings.current(session, restaurant_id)
    if mapping is None:
        raise Conflict(f"{restaurant.name} has no number to be swapped", hint="move it the other one's instead")
    number = E164(mapping.number)
    return await request_move(services, number, other_id, own_number=OwnNumber.SWAP, why=why, once=once)


async def unassign(services: Services, number: E164, restaurant_id: str | None = None) -> str:
    """The number serves the restaurant no more, which loses it: it stays ours and cools down. The restaurant's id.

    Conflict where it serves nobody, or another one; where several share it, the restaurant has to be named."""
    async with services.database.write() as session:
        await numbers.lock(session, number)
        served = await mappings.of_number(session, number)
        ended = [m for m in served if restaurant_id in (None, m.restaurant_id)]
        if len(ended) > 1:
            raise await shared(session, number, served)
        if not ended:
            raise Conflict(f"{number} does not serve {'that restaurant' if served else 'a restaurant'}")
        await mappings.end(session, ended[0], "unassigned", services.settings.number_cooldown_hours)
    return ended[0].restaurant_id


# --- what may be moved -----------------------------------------------------------------------------------------------


async def look_at_sides(session: AsyncSession, number: str, to_id: str) -> Sides:
    """The sides, held until the transaction ends. NotFound for what is not (any more), Conflict for a number that
    several share, or whose mapping was changed at this very moment."""
    await numbers.get(session, number)
    served, own = await mappings.of_number(session, number), await mappings.current(session, to_id)
    await restaurants.lock(session, to_id, *[mapping.restaurant_id for mapping in served])
    to = await restaurants.get(session, to_id)
    rows = await numbers.lock(session, number, *([own.number] if own else []))
    before = [m.id for m in (*served, own) if m is not None]
    served, own = await mappings.of_number(session, number), await mappings.current(session, to_id)
    if before != [m.id for m in (*served, own) if m is not None]:
        raise Conflict(f"{number} is changed by another request at this moment", hint=BUSY)
    if len(served) > 1:
        raise await shared(session, number, served)
    return Sides(rows[E164(number)], served[0] if served else None, to, own)


async def shared(session: AsyncSession, number: str, served: Sequence[Mapping]) -> Conflict:
    named = await restaurants.names(session, [mapping.restaurant_id for mapping in served])
    return Conflict(
        f"{number} is shared by {', '.join(named[mapping.restaurant_id] for mapping in served)}",
        hint="choose whose calls it gets: POST /api/restaurants/{id}/activate-phone of that restaurant",
    )


async def refuse(session: AsyncSession, sides: Sides, own_number: OwnNumber, renew: bool) -> None:
    """Raise unless the number may be moved: asked when the move is wished for, and again when it is made."""
    refuse_state(sides)
    if sides.own is not None:
        await refuse_own(session, sides, sides.own, own_number)
    elif own_number is OwnNumber.SWAP:
        raise Conflict(f"{sides.to.name} has no number to be swapped", hint=f"move {sides.row.number} to it instead")
    await refuse_running(session, sides.to.id)
    if renew and sides.from_id is not None:
        await refuse_running(session, sides.from_id)


def refuse_state(sides: Sides) -> None:
    row, state = sides.row, NumberState(sides.row.state)
    if state in (NumberState.FOREIGN, NumberState.RELEASED):
        raise NotFound(f"{row.number} is not ours: it is {state}", hint="GET /api/numbers lists those that we hold")
    if row.claimed_by is not None or state in (NumberState.PURCHASING, NumberState.RELEASING):
        doing = state if row.claimed_by is None else "about to be put in service"
        raise Conflict(f"{row.number} is {doing}", hint=f"GET /api/numbers/{row.number}")
    if row.put_aside_until is not None and row.put_aside_until > utcnow():
        raise Conflict(f"{row.number} is put aside: {row.put_aside_reason}", hint=f"GET /api/numbers/{row.number}")


async def refuse_own(session: AsyncSession, sides: Sides, own: Mapping, own_number: OwnNumber) -> None:
    if own_number is OwnNumber.REFUSE:
        raise AlreadyAssigned(
            f"{sides.to.name} has {own.number}", hint="replace ends that one, which cools down; or swap the two"
        )
    if own_number is OwnNumber.SWAP:
        if sides.mapping is None:
            raise Conflict(f"{sides.row.number} serves nobody to be swapped with", hint="move it, with replace")
        if len(served := await mappings.of_number(session, own.number)) > 1:
            raise await shared(session, own.number, served)


# --- the run ---------------------------------------------------------------------------------------------------------


class MoveNumber:
    """The durable work of one move. Until its one transaction nothing is changed, so an execution after a crash begins
    anew; a move that cannot be made fails, and the number serves whom it served."""

    kind = "move_number"
    runs = MOVES
    waits_in_line = False

    async def work(self, services: Services, row: Move) -> None:
        run = await Run.of(services, MOVES, row)
        try:
            if row.from_id is None:
                await bring(run)
            else:
                await check_connection(run)
                await hand_over(run)
        except (Superseded, *DATABASE_AWAY):
            raise
        except TrunklineError as error:
            await fail(run, error.code, error.detail, error.hint)
        except Exception:
            log.exception("a move was stopped by an error of ours")
            await fail(run, TrunklineError.code, "an error of ours; the log has it", None)


async def fail(run: Run[Move], reason: str | None, message: str | None, hint: str | None) -> None:
    async with run.write() as session:
        await run.end(session, status=RunStatus.FAILED.value, reason=reason, message=message, hint=hint)


async def check_connection(run: Run[Move]) -> None:
    """Nobody is given a number that does not ring: what is to answer it does, or is made to."""
    services = run.services

    async def connect() -> Connected:
        await accounts.refuse_changed(services, accounts.VOICE)
        async with services.database.read() as session:
            row = await numbers.get(session, run.row.number)
        return await connect_number(services, row, await services.target())

    async with run.step("check_connection") as step:
        done = await step.ask(connect)
        step.detail = f"what answers {run.row.number} {done}"


async def hand_over(run: Run[Move]) -> None:
    """The one transaction: the old mapping ends and the new one begins, and with it all that was asked besides."""
    move, renewed = run.row, None
    async with run.step("hand_over") as step, step.finish(f"{move.number} is handed over") as session:
        sides = await look_at_sides(session, move.number, move.to_id)
        if sides.mapping is None or sides.from_id != move.from_id:
            raise Conflict(f"{move.number} serves somebody else since the move was asked for", hint="ask again")
        own_number = OwnNumber(move.own_number)
        await refuse(session, sides, own_number, move.renew)
        if sides.own is not None and own_number is OwnNumber.SWAP:
            await mappings.exchange(session, sides.mapping, sides.own, "swapped")
        else:
            if sides.own is not None:
                await mappings.end(session, sides.own, "replaced", run.settings.number_cooldown_hours)
            await mappings.hand_over(session, sides.mapping, move.to_id, "moved")
        if move.renew:
            renewed = await renew(session, sides.mapping.restaurant_id)
        message = f"{move.number} serves {sides.to.name}"
        begun = {"assignment_id": renewed.id} if renewed else {}
        await run.end(session, status=RunStatus.DONE.value, message=message, **begun)
    if renewed is not None:
        await run.services.engine.start(AssignNumber.kind, renewed.id)


async def renew(session: AsyncSession, restaurant_id: str) -> Assignment:
    """Another number for the restaurant that has just lost its own, as it wished for the first."""
    wish = Wish.stored((await restaurants.get(session, restaurant_id)).wish)
    return await assignments.add(session, restaurant_id, criteria=wish.plain())


# --- a number that serves nobody -------------------------------------------------------------------------------------


async def bring(run: Run[Move]) -> None:
    """An assignment puts it in service for the restaurant, also while it cools down: a person has said whose it is. The
    move ends as the assignment does."""
    begun = run.row.assignment_id
    assignment_id = await begin(run) if begun is None else begun
    async with run.step("put_in_service") as step:
        await step.show()
        await run.services.engine.start(AssignNumber.kind, assignment_id)
        while (ended := await end_of(run.services, ASSIGNMENTS, assignment_id, PATIENCE)).status == Status.RUNNING:
            await run.still_current()
        step.detail = ended.message or ""
    if ended.number != run.row.number:
        again = f"try again with POST /api/numbers/{run.row.number}/move"
        await fail(run, ended.reason, ended.message, tried_again_by(ended.hint, again))
        return
    async with run.write() as session:
        await run.end(session, status=RunStatus.DONE.value, message=ended.message)


async def begin(run: Run[Move]) -> str:
    """The id of the assignment, which is written with the move that it is of. The number has been detached then: until
    that is done nobody can claim it."""
    move, deadline = run.row, time.monotonic() + run.settings.retry_for_seconds
    async with run.step("wait_for_detachment") as step:
        while True:
            async with run.services.database.read() as session:
                owed = await debts.is_owed(session, DebtKind.DETACH_OWED, move.number)
            if not owed:
                break
            if time.monotonic() > deadline:
                raise RetryLater(f"{move.number} is still owed its detachment", provider="vapi", role=Role.VOICE)
            await step.pause(LOOK_SECONDS)
    async with run.write() as session:
        sides = await look_at_sides(session, move.number, move.to_id)
        if sides.mapping is not None:
            raise Conflict(f"{move.number} serves somebody since the move was asked for", hint="ask again")
        await refuse(session, sides, OwnNumber(move.own_number), renew=False)
        numbers.keep_for(sides.row, move.to_id)
        wish = Wish.holding(E164(move.number))
        assignment = await assignments.add(session, move.to_id, criteria=wish.plain())
        await MOVES.change(session, run.id, move.epoch, assignment_id=assignment.id)
    return assignment.id
