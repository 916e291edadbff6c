"""Whose a call is: from memory, and where memory does not know, from the database within a short time."""

from __future__ import annotations

from contextlib import suppress

from trunkline.domain.callers import full_number
from trunkline.domain.calls import CallReport
from trunkline.routing.directory import Answer, Directory
from trunkline.routing.follow import AWAY, Follower

Ids = tuple[str | None, str | None]


class Resolver:
    """Over a directory and its follower."""

    def __init__(self, directory: Directory, follower: Follower) -> None:
        self._directory = directory
        self._follower = follower

    def at_once(self, ids: Ids, number: str | None, caller: str | None) -> Answer | None:
        return self._directory.find(*ids, full_number(number), caller)

    async def find(self, ids: Ids, number: str | None, caller: str | None) -> Answer | None:
        """None where nobody answers. A driver's error or TimeoutError only where memory does not know and the database
        is away."""
        return self.at_once(ids, number, caller) or await self._follower.look_up(ids, full_number(number), caller)

    async def in_call(self, call_id: str | None, ids: Ids, number: str | None, caller: str | None) -> Answer | None:
        """Whose a call is that is under way: whose it was when it was first heard of, whoever has the number by now.
        Errors as in `find`, which says it of a call that was not heard of, or while the database is away."""
        with suppress(*AWAY):
            if call_id and (found := await self._follower.look_up_call(call_id, full_number(number))):
                return found
        return await self.find(ids, number, caller)

    async def of_report(self, report: CallReport) -> Answer | None:
        return await self.find(report.number_ids, report.number, report.caller)
