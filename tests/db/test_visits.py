"""Visits to the console, on each database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from trunkline.db import visits
from trunkline.db.models import Visit, utcnow
from trunkline.db.session import Database


@pytest.mark.anyio
async def test_a_token_counts_until_its_end_and_the_one_before_for_a_moment(database: Database) -> None:
    later = utcnow() + timedelta(hours=1)
    async with database.write() as session:
        await visits.begin(session, "first", "what-he-came-with", later)
        await visits.begin(session, "over", "another", utcnow())
    async with database.write() as session:
        assert await visits.renew(session, "first", "second")
        assert not await visits.renew(session, "first", "third")  # another request was quicker
    async with database.read() as session:
        for token in ("first", "second"):
            visit = await visits.of_token(session, token)
            assert visit is not None
            assert (visit.token_hash, visit.credential_hash) == ("second", "what-he-came-with")
        assert await visits.of_token(session, "over") is None
        assert await visits.of_token(session, "third") is None
    async with database.write() as session:
        await session.execute(update(Visit).values(renewed_at=utcnow() - 2 * visits.GRACE))
    async with database.read() as session:
        assert await visits.of_token(session, "first") is None
        assert await visits.of_token(session, "second") is not None
    async with database.write() as session:
        await visits.end(session, "second")
    async with database.read() as session:
        assert await visits.of_token(session, "second") is None
