"""The same done to many numbers that a filter has found: to exactly those that were shown, all of them or none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import figures, number_lists, numbers
from trunkline.db.models import Number
from trunkline.db.number_lists import NumberFilter
from trunkline.domain.notes import NumberNotes
from trunkline.domain.numbers import BILLED, NumberState
from trunkline.errors import Conflict, InvalidInput
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.release_number import ReleaseNumber, begin_release
from trunkline.workflows.services import Services

MOST = 200  # in one transaction, which others wait for


class Deed(StrEnum):
    RELEASE = "release"
    PROTECT = "protect"
    UNPROTECT = "unprotect"


FITS = {Deed.RELEASE: (NumberState.IDLE, NumberState.COOLING_DOWN), Deed.PROTECT: BILLED, Deed.UNPROTECT: BILLED}


@dataclass(frozen=True)
class Chosen:
    """Those that it is done to, in their order, and why others that are so are left out: `protected`, `others` (they
    serve somebody, are not held, or are so already), `later` (no more than MOST at once)."""

    rows: Sequence[Number]
    protected: int
    others: int
    later: int

    @property
    def checksum(self) -> str:
        """Of which numbers at which prices."""
        told = (f"{row.number} {row.monthly_price} {row.currency}" for row in self.rows)
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


async def choose(session: AsyncSession, wanted: NumberFilter, deed: Deed) -> Chosen:
    """InvalidInput where nothing is narrowed: it would be all that we have."""
    if wanted == NumberFilter():
        raise InvalidInput(
            "nothing narrows the list", hint="choose a state, a carrier or whatever these have in common"
        )
    total = await _count(session, wanted)
    fitting = _fitting(wanted, deed)
    if fitting is None:
        return Chosen([], 0, total, 0)
    found = await number_lists.page(session, fitting, limit=MOST)
    rows = [row for row in found if row.claimed_by is None or deed is not Deed.RELEASE]
    fit, protected = await _count(session, fitting), 0
    if deed is Deed.RELEASE and wanted.protected is None:
        protected = await _count(session, replace(fitting, protected=True))
    return Chosen(rows, protected, total - fit - protected + len(found) - len(rows), fit - len(found))


def _fitting(wanted: NumberFilter, deed: Deed) -> NumberFilter | None:
    """Of those the ones that it can be done to; None where there can be none."""
    states = [state.value for state in FITS[deed] if not wanted.states or state in wanted.states]
    protected = deed is Deed.UNPROTECT
    if not states or wanted.protected not in (None, protected):
        return None
    return replace(wanted, states=states, protected=protected)


async def _count(session: AsyncSession, wanted: NumberFilter) -> int:
    return sum(figure.numbers for figure in await figures.counted(session, wanted))


async def change_many(
    services: Services, wanted: NumberFilter, deed: Deed, checksum: str, *, give_back: bool, once: Once | None
) -> None:
    """Once per idempotency key. Conflict where by now it would be other numbers, or other prices, than the checksum
    is of. Of releases each is a run of its own; protected numbers are none of them."""
    if await find_begun(services, once):
        return
    begun: list[str] = []

    async def begin(session: AsyncSession) -> Begun:
        chosen = await choose(session, wanted, deed)
        if not chosen.rows or chosen.checksum != checksum:
            raise Conflict("other numbers are like that by now", hint="look at what is shown now")
        held = await numbers.lock(session, *(row.number for row in chosen.rows))
        for row in held.values():
            if deed is Deed.RELEASE:
                begun.append(await begin_release(services, session, row, give_back=give_back))
            else:
                numbers.describe(row, NumberNotes(protected=deed is Deed.PROTECT))
        return Begun(None)

    try:
        await begin_once(services, once, None, begin)
    except IntegrityError:
        raise Conflict("some of them are being released already", hint="look at what is shown now") from None
    if once is not None and once.replayed:  # what was begun here is undone: the same request came at the same time
        return
    for release_id in begun:
        await services.engine.start(ReleaseNumber.kind, release_id)
