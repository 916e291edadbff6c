"""Mappings in a database of each kind, and a directory that follows it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import msgspec
import pytest

from trunkline.db import mappings, numbers
from trunkline.db.models import Mapping, Number, Restaurant
from trunkline.db.session import Database
from trunkline.domain.numbers import NumberState
from trunkline.routing.directory import Directory, Former
from trunkline.routing.follow import Follower

Found = str | tuple[str, str] | None


@dataclass
class Town:
    """Restaurants and their numbers, written as the workflows write them."""

    database: Database
    url: str

    async def restaurant(self, name: str) -> str:
        async with self.database.write() as session:
            row = Restaurant(name=name, api_key_hash=uuid.uuid4().hex)
            session.add(row)
            await session.flush()
            return row.id

    async def number(self, number: str, voice_id: str | None = None, state: str = "in_service") -> str:
        async with self.database.write() as session:
            session.add(Number(number=number, state=state, voice_id=voice_id, carrier="twilio"))
        return number

    async def map(self, number: str, restaurant_id: str, active: bool = True) -> str:
        async with self.database.write() as session:
            row = Mapping(number=number, restaurant_id=restaurant_id, active=active, source="owned")
            session.add(row)
            await session.flush()
            return row.id

    async def served(self, number: str, name: str, voice_id: str | None = None) -> str:
        """A restaurant with this number; its id."""
        restaurant_id = await self.restaurant(name)
        await self.number(number, voice_id)
        await self.map(number, restaurant_id)
        return restaurant_id

    async def out_of_service(self, number: str, hours: float = 168) -> None:
        """As when its restaurant is deleted: the number cools down."""
        async with self.database.write() as session:
            (mapping,) = await mappings.of_number(session, number)
            await mappings.end(session, mapping, "restaurant_deleted")
            numbers.cool_down(await numbers.get(session, number), mapping.restaurant_id, hours)

    async def change(self, number: str, **values: object) -> None:
        async with self.database.write() as session:
            row = await numbers.get(session, number)
            for name, value in values.items():
                setattr(row, name, value.value if isinstance(value, NumberState) else value)


@dataclass
class Guide:
    """A directory and its follower; answers are shown as the restaurant's name, or ("former", name)."""

    directory: Directory
    follower: Follower

    def find(self, *, number: str | None = None, caller: str | None = None, voice_id: str | None = None) -> Found:
        return shown(self.directory.find(voice_id, None, number, caller))

    async def look_up(self, *, number: str | None = None, voice_id: str | None = None) -> Found:
        return shown(await self.follower.look_up([voice_id], number, None))


def shown(answer: bytes | Former | None) -> Found:
    if isinstance(answer, Former):
        return "former", answer.values.restaurant_name
    return None if answer is None else str(msgspec.json.decode(answer)["restaurant_name"])


@pytest.fixture
def town(database: Database, database_url: str) -> Town:
    return Town(database, database_url)


@pytest.fixture
async def guide(database: Database, database_url: str) -> Guide:
    directory = Directory()
    follower = Follower(database, database_url, directory)
    await follower.load()
    return Guide(directory, follower)
