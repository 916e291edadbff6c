"""Numbers are chosen for a purchase by one assignment at a time."""

from __future__ import annotations

import pytest

from trunkline.db import numbers
from trunkline.db.models import Assignment, Number, Restaurant
from trunkline.db.session import Database
from trunkline.domain.numbers import NumberState

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("assignments")]

NUMBER = "+12025550101"
MINE, OTHER = "asg_mine", "asg_other"


@pytest.fixture
async def assignments(database: Database) -> None:
    async with database.write() as session:
        session.add(Restaurant(id="rst_one", name="Roma", api_key_hash="a"))
        session.add(Restaurant(id="rst_two", name="Napoli", api_key_hash="b"))
        await session.flush()
        session.add(Assignment(id=MINE, restaurant_id="rst_one"))
        session.add(Assignment(id=OTHER, restaurant_id="rst_two"))


async def reserve(database: Database, assignment_id: str) -> bool:
    async with database.write() as session:
        return await numbers.reserve(session, NUMBER, assignment_id, None, carrier="twilio")


async def put(database: Database, state: NumberState, claimed_by: str | None = None) -> None:
    async with database.write() as session:
        session.add(Number(number=NUMBER, state=state.value, claimed_by=claimed_by))


async def row(database: Database) -> tuple[str, str | None, str | None]:
    async with database.read() as session:
        found = await numbers.get(session, NUMBER)
        return found.state, found.claimed_by, found.carrier


async def test_a_number_that_nobody_knew_is_reserved_once(database: Database) -> None:
    assert await reserve(database, MINE)
    assert not await reserve(database, OTHER)
    assert await reserve(database, MINE)
    assert await row(database) == ("purchasing", MINE, "twilio")


@pytest.mark.parametrize("state", [NumberState.FOREIGN, NumberState.RELEASED])
async def test_a_number_that_was_not_ours_or_is_not_any_more_can_be_bought(
    database: Database, state: NumberState
) -> None:
    await put(database, state)
    assert await reserve(database, MINE)
    assert await row(database) == ("purchasing", MINE, "twilio")


@pytest.mark.parametrize("state", [s for s in NumberState if s not in (NumberState.FOREIGN, NumberState.RELEASED)])
async def test_a_number_that_we_hold_or_are_buying_is_not_bought(database: Database, state: NumberState) -> None:
    await put(database, state, OTHER)
    assert not await reserve(database, MINE)
    assert await row(database) == (state.value, OTHER, None)
