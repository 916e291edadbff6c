"""One execution of an assignment: what it wants, what stops it before money, and how it ends."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import batches, debts, figures, intents, numbers, restaurants, runs
from trunkline.db.models import Assignment, Number, PurchaseIntent
from trunkline.db.runs import ASSIGNMENTS, StepRow
from trunkline.domain.choosing import Offer
from trunkline.domain.numbers import E164
from trunkline.domain.outcomes import Outcome, Reason
from trunkline.domain.states import DebtKind, ItemStatus, RunStatus
from trunkline.domain.wishes import Wish
from trunkline.errors import Cancelled
from trunkline.metrics import ASSIGNMENTS as ENDED
from trunkline.workflows import accounts
from trunkline.workflows.candidates import Candidates
from trunkline.workflows.inventory import Inventory
from trunkline.workflows.purchase import Buyer
from trunkline.workflows.services import Services

log = structlog.get_logger()


class AssignmentRun(Buyer[Assignment]):
    """The assignment being worked on. What an earlier execution left is read from the tables where it is needed."""

    def __init__(self, services: Services, row: Assignment, steps: list[StepRow], inventory: Inventory) -> None:
        super().__init__(services, ASSIGNMENTS, row, steps)
        self.inventory = inventory
        self.restaurant_id: str = row.restaurant_id
        self.batch_id = row.batch_id
        self.wish = Wish.stored(row.criteria, row.force_twilio)
        self.named, self.agreed = self.wish.number, self.wish.agreed
        self.candidates = Candidates(
            services, self.wish, inventory, restaurant_id=row.restaurant_id, own_mark=str(self.mark)
        )

    @classmethod
    async def begun(cls, services: Services, row: Assignment, inventory: Inventory) -> AssignmentRun:
        """The run of an assignment that this execution has begun, with the steps of earlier ones."""
        steps: list[StepRow] = []
        if row.epoch > 1:
            async with services.database.read() as session:
                steps = (await runs.steps(session, [row.id]))[row.id]
        return cls(services, row, steps, inventory)

    async def left(self) -> tuple[PurchaseIntent | None, Number | None]:
        """What an earlier execution, or assignment of the restaurant, left: a purchase of unknown outcome, or else a
        number that is claimed already. Before a restaurant's first one nobody can have bought or claimed anything."""
        if self.row.nth == 1 and not self.resumed:
            return None, None
        async with self.services.database.read() as session:
            intent = await intents.open_for(session, self.restaurant_id)
            claimed = None if intent else await numbers.claimed_for(session, self.restaurant_id)
        if claimed is None or claimed.claimed_by == self.id:
            return intent, claimed
        async with self.write() as session:
            return None, await numbers.take_over_claim(session, self.restaurant_id, self.id)

    async def refuse_stopped(self, session: AsyncSession) -> None:
        """A cancelled batch buys nothing more, nor one that was paused because its account refuses; and a restaurant
        that was deleted needs no number."""
        if not await restaurants.is_left(session, self.restaurant_id):
            raise Cancelled("the restaurant was deleted before the purchase")
        if self.batch_id is None:
            return
        status = await batches.status_of(session, self.batch_id)
        if status is RunStatus.CANCELLED:
            raise Cancelled("the batch was cancelled before the purchase")
        if status is RunStatus.PAUSED:
            raise Cancelled("the batch was paused before the purchase")

    def has_seen_unheld(self, carrier: Carrier, number: E164) -> bool:
        return self.inventory.has_seen_unheld(carrier.name, number)

    async def refuse_poor(self, carrier: Carrier, offer: Offer) -> None:
        """For one number the carrier's own refusal costs nothing; a batch is not sent from one to the next."""
        if self.is_one_of_many:
            await self._refuse_limited(carrier)
            await accounts.refuse_poor(self.services, carrier, offer)

    async def _refuse_limited(self, carrier: Carrier) -> None:
        """What a trial account has just said to another restaurant of the batch holds for this one as well, while its
        number serves: once it does not, there may be room for another one. What has several that serve is no trial, and
        has refused one kind of number."""
        limit = self.inventory.limit_of(carrier.name)
        if limit is None:
            return
        async with self.services.database.read() as session:
            serving = await figures.serving(session, carrier.name)
        if serving == 1:
            raise limit.with_traceback(None)  # it is raised for each of them

    async def close(self, outcome: Outcome) -> None:
        """The end without a number in service: what was only claimed is free again, what was paid for is owed."""
        async with self.write() as session:
            await numbers.drop_claims(session, self.id)
            if intent := await intents.open_for(session, self.restaurant_id):
                await self._owe(session, DebtKind.INTENT_UNKNOWN, intent.id, intent.carrier, outcome)
            if row := await numbers.claimed_for(session, self.restaurant_id):
                kind = DebtKind.IMPORTED_NOT_MAPPED if row.voice_id else DebtKind.BOUGHT_NOT_IMPORTED
                await self._owe(session, kind, row.number, row.carrier, outcome)
            await self.write_outcome(session, outcome)
        self.count(outcome)

    async def write_outcome(self, session: AsyncSession, outcome: Outcome) -> None:
        """The end, in the caller's transaction."""
        reason = outcome.reason.value if outcome.reason else None
        if self.batch_id is not None:
            cancelled = outcome.reason is Reason.CANCELLED
            status = ItemStatus.CANCELLED if cancelled else ItemStatus(outcome.status.value)
            ends: dict[str, Any] = {"reason": reason, "message": outcome.message}
            await batches.set_item(session, self.batch_id, ItemStatus.RUNNING, status, self.restaurant_id, **ends)
        await self.end(
            session,
            status=outcome.status.value,
            source=outcome.source.value if outcome.source else None,
            number=outcome.number,
            reason=reason,
            message=outcome.message,
            hint=outcome.hint,
        )

    @staticmethod
    def count(outcome: Outcome) -> None:
        ENDED.labels(outcome.status.value, outcome.source or "", outcome.reason or "").inc()
        log.info("assignment ended", status=outcome.status.value, number=outcome.number, reason=outcome.reason)

    async def _owe(
        self, session: AsyncSession, kind: DebtKind, subject: str, provider: str | None, outcome: Outcome
    ) -> None:
        await debts.owe(
            session,
            kind,
            subject,
            provider=provider,
            restaurant_id=self.restaurant_id,
            run_id=self.id,
            reason=outcome.message,
        )
