"""A number goes to another restaurant: all of it or nothing, and nobody's call goes astray."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from tests.crash.books import read_books, settled_books
from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import set_trial
from trunkline.db.models import Assignment, Mapping, Number
from trunkline.db.runs import MOVES
from trunkline.domain.numbers import E164
from trunkline.domain.states import OwnNumber
from trunkline.domain.wishes import Wish
from trunkline.errors import AlreadyAssigned, Conflict, NotFound, TrunklineError
from trunkline.sandbox import vapi
from trunkline.workflows.manage_restaurant import create_restaurant, delete_restaurant, request_number
from trunkline.workflows.move_number import request_move, request_swap, unassign
from trunkline.workflows.release_number import request_release
from trunkline.workflows.run import end_of

pytestmark = pytest.mark.anyio


async def with_number(desk: Desk, name: str) -> tuple[str, E164]:
    assignment = await desk.assign(name)
    assert assignment.number is not None
    return assignment.restaurant_id, E164(assignment.number)


async def without(desk: Desk, name: str) -> str:
    return (await create_restaurant(desk.services, name, Wish(), assign=False)).restaurant_id


async def moved(desk: Desk, move_id: str) -> Any:
    return await end_of(desk.services, MOVES, move_id, 20)


async def homes(desk: Desk) -> dict[str, str]:
    """Which number each restaurant has."""
    return {m.restaurant_id: m.number for m in await desk.mappings()}


async def test_a_number_moves_and_goes_on_in_service(desk: Desk, database_url: str) -> None:
    roma, number = await with_number(desk, "Roma")
    napoli, before = await without(desk, "Napoli"), desk.seen()
    move = await moved(desk, await request_move(desk.services, number, napoli, why="sold"))
    assert (move.status, move.from_id, move.message) == ("done", roma, f"{number} serves Napoli")
    assert await homes(desk) == {napoli: number}
    assert desk.operations(before) == ["vapi phone_numbers.list_v2"]  # looked at, and nothing changed outside
    row = await desk.number(number)
    assert (row.state, row.cooling_until, await desk.debts()) == ("in_service", None, [])
    (old,) = await desk.rows(Mapping, Mapping.restaurant_id == roma)
    assert (old.active, old.end_reason) == (False, "moved")
    assert read_books(desk.sandbox, database_url).wrongs() == []


async def test_a_number_that_serves_it_already_is_moved_nowhere(desk: Desk) -> None:
    roma, number = await with_number(desk, "Roma")
    before = desk.seen()
    move = await moved(desk, await request_move(desk.services, number, roma))
    assert (move.status, move.message) == ("done", f"{number} serves Roma already")
    assert desk.seen() == before


async def test_who_has_a_number_is_moved_another_one_only_if_it_is_said_what_becomes_of_the_first(
    open_desk: Opener, database_url: str
) -> None:
    async with open_desk(number_cooldown_hours=1) as desk:
        roma, first = await with_number(desk, "Roma")
        napoli, second = await with_number(desk, "Napoli")
        with pytest.raises(AlreadyAssigned, match=f"Napoli has .{second[1:]}"):
            await request_move(desk.services, first, napoli)
        move = await moved(desk, await request_move(desk.services, first, napoli, own_number=OwnNumber.REPLACE))
        assert move.status == "done"
        assert await homes(desk) == {napoli: first}
        replaced = await desk.number(second)
        assert (replaced.state, replaced.former_restaurant_id) == ("cooling_down", napoli)
        await desk.settle()
        assert read_books(desk.sandbox, database_url).wrongs() == []
        with pytest.raises(Conflict, match="Roma has no number to be swapped"):
            await request_swap(desk.services, roma, napoli)


async def test_two_restaurants_swap_their_numbers(desk: Desk, database_url: str) -> None:
    roma, first = await with_number(desk, "Roma")
    napoli, second = await with_number(desk, "Napoli")
    assert (await moved(desk, await request_swap(desk.services, roma, napoli))).status == "done"
    assert await homes(desk) == {roma: second, napoli: first}
    assert {(await desk.number(n)).state for n in (first, second)} == {"in_service"}
    assert read_books(desk.sandbox, database_url).wrongs() == []


async def test_who_loses_its_number_gets_another_in_the_same_breath(desk: Desk, database_url: str) -> None:
    roma, number = await with_number(desk, "Roma")
    napoli = await without(desk, "Napoli")
    move = await moved(desk, await request_move(desk.services, number, napoli, renew=True))
    assert move.assignment_id is not None
    renewed = await desk.end_of(move.assignment_id)
    assert (renewed.restaurant_id, renewed.status) == (roma, "assigned")
    assert await homes(desk) == {napoli: number, roma: renewed.number}
    assert read_books(desk.sandbox, database_url).wrongs() == []


async def test_what_is_shared_not_ours_or_nobodys_is_said_so(desk: Desk) -> None:
    set_trial(desk.sandbox, True)
    _, number = await with_number(desk, "Roma")
    await with_number(desk, "Napoli")
    milano = await without(desk, "Milano")
    with pytest.raises(Conflict, match="is shared by Napoli, Roma") as caught:
        await request_move(desk.services, number, milano)
    assert "activate-phone" in str(caught.value.hint)
    with pytest.raises(NotFound, match="we do not know"):
        await request_move(desk.services, E164("+12025550100"), milano)
    async with desk.services.database.write() as session:
        session.add(Number(number="+12025550100", state="foreign"))
    with pytest.raises(NotFound, match="is not ours: it is foreign"):
        await request_move(desk.services, E164("+12025550100"), milano)
    await delete_restaurant(desk.services, milano)
    with pytest.raises(NotFound, match=milano):
        await request_move(desk.services, number, milano)


async def test_a_number_that_does_not_ring_is_given_to_nobody(desk: Desk) -> None:
    roma, number = await with_number(desk, "Roma")
    napoli = await without(desk, "Napoli")
    row = await desk.number(number)
    with httpx2.Client(base_url=desk.sandbox.url, headers={"Authorization": f"Bearer {vapi.DEFAULT_SECRET}"}) as client:
        other = {"assistantId": client.post("/assistant", json={"name": "Somebody else's"}).json()["id"]}
        client.patch(f"/phone-number/{row.voice_id}", json=other).raise_for_status()
    move = await moved(desk, await request_move(desk.services, number, napoli))
    assert (move.status, move.reason) == ("failed", "number_foreign")
    assert await homes(desk) == {roma: number}


async def test_an_unassigned_number_stays_ours_and_cools_down(open_desk: Opener, database_url: str) -> None:
    async with open_desk(number_cooldown_hours=1) as desk:
        roma, number = await with_number(desk, "Roma")
        assert await unassign(desk.services, number) == roma
        await desk.settle()
        row = await desk.number(number)
        assert (row.state, row.former_restaurant_id, await homes(desk)) == ("cooling_down", roma, {})
        assert read_books(desk.sandbox, database_url).wrongs() == []
        with pytest.raises(Conflict, match="does not serve a restaurant"):
            await unassign(desk.services, number)


async def test_a_number_that_cools_down_goes_to_whom_a_person_names(open_desk: Opener, database_url: str) -> None:
    async with open_desk(number_cooldown_hours=1) as desk:
        roma, number = await with_number(desk, "Roma")
        napoli, own = await with_number(desk, "Napoli")
        await delete_restaurant(desk.services, roma)
        move_id = await request_move(desk.services, number, napoli, own_number=OwnNumber.REPLACE)
        move = await moved(desk, move_id)
        assert (move.status, move.from_id) == ("done", None)
        assert await homes(desk) == {napoli: number}
        assert (await desk.number(own)).state == "cooling_down"
        await desk.settle()
        assert read_books(desk.sandbox, database_url).wrongs() == []


async def at_once(*asked: Any) -> list[str]:
    """What became of each: "" or the code of its refusal."""

    async def code(wish: Any) -> str:
        try:
            await wish
        except TrunklineError as error:
            return error.code
        return ""

    return list(await asyncio.gather(*map(code, asked)))


async def test_of_what_is_asked_at_once_all_or_one_happens_and_the_books_balance(desk: Desk, database_url: str) -> None:
    services = desk.services
    for others in range(4):
        roma, number = await with_number(desk, "Roma")
        napoli, milano = await without(desk, "Napoli"), await without(desk, "Milano")
        rivals = [
            request_move(services, number, milano),
            delete_restaurant(services, roma),
            request_release(services, number, give_back=False, force=True),
            request_number(services, napoli, Wish()),
        ]
        await at_once(request_move(services, number, napoli, renew=True), rivals[others])
        for rival in rivals[:others] + rivals[others + 1 :]:
            rival.close()
        for kind in (MOVES.row, Assignment):
            for run in await desk.rows(kind, kind.status == "running"):
                await services.engine.wait(run.id, 120)
    books = await asyncio.to_thread(settled_books, desk.sandbox, database_url)
    assert books.wrongs() == []
    assert books.settled()
