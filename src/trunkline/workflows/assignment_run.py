"""One execution of an assignment: what it finds from earlier ones, and how it ends."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import assignments, batches, debts, intents, numbers
from trunkline.db.debts import DebtKind
from trunkline.db.models import Assignment, Number, PurchaseIntent, Step, utcnow
from trunkline.domain.choosing import Criteria
from trunkline.domain.marks import OwnerMark
from trunkline.domain.outcomes import Outcome, Reason
from trunkline.metrics import ASSIGNMENTS
from trunkline.workflows.inventory import Inventory
from trunkline.workflows.run import Run
from trunkline.workflows.services import Services

log = structlog.get_logger()


class AssignmentRun(Run):
    """The assignment being worked on, with what it wants and what an earlier execution left."""

    def __init__(self, services: Services, inventory: Inventory, assignment: Assignment, rows: list[Step]) -> None:
        async def fence(session: AsyncSession) -> None:
            await assignments.fence(session, assignment.id, assignment.epoch)

        super().__init__(services, assignment.id, rows, fence)
        self.inventory = inventory
        self.assignment = assignment
        self.restaurant_id = assignment.restaurant_id
        self.mark = OwnerMark(services.installation, assignment.id)
        self.criteria = Criteria.checked(**assignment.criteria)
        self.country = self.criteria.country or self.settings.default_country
        self.open_intent: PurchaseIntent | None = None
        self.claimed: Number | None = None
        self.tried: dict[str, list[str | None]] = {}  # carrier -> the numbers that could not be bought there
        self.imported: dict[str, str] = {}  # number -> its id at the voice platform, seen in this execution

    @staticmethod
    async def begin(services: Services, inventory: Inventory, assignment_id: str) -> AssignmentRun | None:
        """Shut out earlier executions, and read how far they (or an earlier assignment of the restaurant) came: a
        purchase whose outcome is open, a number that is claimed. None if the assignment has ended."""
        async with services.database.write() as session:
            assignment = await assignments.begin(session, assignment_id)
            return None if assignment is None else await AssignmentRun.found(session, services, inventory, assignment)

    @staticmethod
    async def found(
        session: AsyncSession, services: Services, inventory: Inventory, assignment: Assignment
    ) -> AssignmentRun:
        """The run of an assignment that this execution has begun, with what there is of it."""
        again = assignment.epoch > 1
        rows = (await assignments.steps(session, [assignment.id]))[assignment.id] if again else []
        run = AssignmentRun(services, inventory, assignment, rows)
        run.tried = await intents.tried_numbers(session, assignment.id) if again else {}
        run.open_intent = await intents.open_for(session, assignment.restaurant_id)
        if run.open_intent is None:
            run.claimed = await numbers.claimed_for(session, assignment.restaurant_id)
        if run.claimed is not None:
            run.claimed.claimed_by = assignment.id
        return run

    @property
    def resumed(self) -> bool:
        """Whether an earlier execution may have done part of the work already."""
        return self.assignment.epoch > 1

    async def end(self, outcome: Outcome) -> None:
        """The end without a number in service: what was only claimed is free again, what was paid for is owed."""
        async with self.write() as session:
            await self.record_voice_ids(session)
            await session.flush()
            await numbers.drop_claims(session, self.id)
            if intent := await intents.open_for(session, self.restaurant_id):
                await self._owe(session, DebtKind.INTENT_UNKNOWN, intent.id, outcome)
            if row := await numbers.claimed_for(session, self.restaurant_id):
                kind = DebtKind.IMPORTED_NOT_MAPPED if row.voice_id else DebtKind.BOUGHT_NOT_IMPORTED
                await self._owe(session, kind, row.number, outcome)
            await self.close(session, outcome)
        self.count(outcome)

    async def close(self, session: AsyncSession, outcome: Outcome) -> None:
        """Write the outcome, in the caller's transaction."""
        if self.unfinished:
            await assignments.interrupt_steps(session, self.id)
        if self.assignment.batch_id is not None:
            reason = outcome.reason.value if outcome.reason else None
            status = "cancelled" if outcome.reason is Reason.CANCELLED else outcome.status.value
            await batches.set_items(
                session,
                self.assignment.batch_id,
                "running",
                status,
                self.restaurant_id,
                reason=reason,
                message=outcome.message,
            )
        await assignments.fence(
            session,
            self.id,
            self.assignment.epoch,
            status=outcome.status.value,
            source=outcome.source.value if outcome.source else None,
            number=outcome.number,
            reason=outcome.reason.value if outcome.reason else None,
            message=outcome.message,
            hint=outcome.hint,
            ended_at=utcnow(),
        )

    async def record_voice_ids(self, session: AsyncSession) -> dict[str, Number]:
        """The numbers that this execution has seen at the voice platform, with their ids there."""
        rows = {number: await numbers.get(session, number) for number in self.imported}
        for number, row in rows.items():
            row.voice_id = self.imported[number]
        return rows

    @staticmethod
    def count(outcome: Outcome) -> None:
        ASSIGNMENTS.labels(outcome.status.value, outcome.source or "", outcome.reason or "").inc()
        log.info("assignment ended", status=outcome.status.value, number=outcome.number, reason=outcome.reason)

    async def _owe(self, session: AsyncSession, kind: DebtKind, subject: str, outcome: Outcome) -> None:
        await debts.owe(
            session, kind, subject, restaurant_id=self.restaurant_id, run_id=self.id, reason=outcome.message
        )
