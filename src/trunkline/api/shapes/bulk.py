"""Rows of restaurants, what would become of each, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import ConfigDict, Field

from trunkline.api.shapes import Answer, Body
from trunkline.api.shapes.batches import Plan, Spending, show_plan
from trunkline.domain.bulk import MOST_ROWS, JudgedRow, RowFate
from trunkline.workflows import plan_batch
from trunkline.workflows.import_restaurants import Imported, ImportedRow


class BulkRow(Body):
    """One restaurant. What is wrong with its values is told for each row."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(description="shown to people")
    external_id: str | None = Field(default=None, description="its id in your system; one that is there is changed")
    metadata: dict[str, str] | None = Field(default=None, description="up to 50 keys; merged with what is there")
    country: str | None = None
    area_code: str | None = None
    contains: str | None = None
    number_type: str | None = None
    carrier: str | None = None
    phone_number: str | None = Field(default=None, description="a number that an account of yours has already")


class BulkBody(Body, Spending):
    rows: list[BulkRow] = Field(min_length=1, max_length=MOST_ROWS)
    dry_run: bool = Field(default=False, description="judge the rows and count the numbers, and do nothing")
    assign_phone: bool = Field(default=True, description="get the new ones numbers, by a batch")


class BulkItem(Answer):
    """What would become of a row. `changes` are the fields in which the restaurant that is there differs."""

    row: int = Field(description="from 1")
    fate: RowFate
    name: str | None
    external_id: str | None
    restaurant_id: str | None = Field(description="of the one that is there")
    changes: list[str]
    field: str | None = Field(description="what is wrong, where the row is refused")
    detail: str | None
    hint: str | None


class BulkCounts(Answer):
    new: int = 0
    same: int = 0
    changed: int = 0
    refused: int = 0


class BulkPlan(Answer):
    """What an import would do. `numbers` is null where nobody would get one."""

    counts: BulkCounts
    items: list[BulkItem]
    numbers: Plan | None


class BulkCreated(Answer):
    row: int
    id: str
    name: str
    external_id: str | None
    api_key: str | None = Field(
        description="reads this restaurant's data; shown only here. Null in a repeated answer, and for who has not its "
        "scopes himself"
    )


class BulkResult(Answer):
    """What an import did. `batch_id` is the batch that gets the new ones their numbers, null where there is none."""

    created: list[BulkCreated]
    changed: int
    same: int
    batch_id: str | None


def show_judged(judged: Sequence[JudgedRow], numbers: plan_batch.Plan | None) -> BulkPlan:
    counts = Counter(one.fate.value for one in judged)
    return BulkPlan(
        counts=BulkCounts(**counts),
        items=[
            BulkItem(
                row=one.place,
                fate=one.fate,
                name=one.row.name if one.row else None,
                external_id=one.row.notes.external_id if one.row else None,
                restaurant_id=one.restaurant_id,
                changes=list(one.changes),
                field=one.field,
                detail=one.detail,
                hint=one.hint,
            )
            for one in judged
        ],
        numbers=show_plan(numbers) if numbers is not None else None,
    )


def show_created(one: ImportedRow, *, keys: bool) -> BulkCreated:
    api_key = one.api_key if keys else None
    return BulkCreated(row=one.row, id=one.id, name=one.name, external_id=one.external_id, api_key=api_key)


def show_import(done: Imported, *, keys: bool) -> BulkResult:
    """With the `keys` of those that were created, or without."""
    return BulkResult(
        created=[show_created(one, keys=keys) for one in done.created],
        changed=done.changed,
        same=done.same,
        batch_id=done.batch_id,
    )
