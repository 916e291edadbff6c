"""Taking numbers over, as the document shows it."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    CARRIER_PROBLEMS,
    KEY_REUSED,
    MALFORMED,
    NUMBER,
    REFUSED,
    REPLAYED,
    answered,
    documented,
    operation,
)
from trunkline.api.described.batches import BATCH_ID
from trunkline.api.described.bulk import DONE as IMPORTED
from trunkline.errors import InvalidInput

UNNAMED = "+14155550142"
ROWS = [{"phone_number": NUMBER, "name": "Chez Panisse", "external_id": "17"}, {"phone_number": UNNAMED}]
EXAMPLES: dict[str, Any] = {
    "plan": {"summary": "What would become of each", "value": {"rows": ROWS, "dry_run": True}},
    "rows": {"summary": "One for a restaurant, one for nobody", "value": {"rows": ROWS}},
    "all": {"summary": "All that nobody uses at Twilio", "value": {"all_unused": True, "carrier": "twilio"}},
}
ITEM: dict[str, Any] = {
    "row": 1,
    "number": NUMBER,
    "carrier": "twilio",
    "fate": "new",
    "monthly_price": None,
    "currency": None,
    "name": "Chez Panisse",
    "external_id": "17",
    "restaurant_id": None,
    "field": None,
    "detail": None,
    "hint": None,
}
IDLE = ITEM | {"row": 2, "number": UNNAMED, "fate": "idle", "name": None, "external_id": None}
PLANNED: dict[str, Any] = {
    "dry_run": True,
    "counts": {"new": 1, "idle": 1},
    "items": [ITEM, IDLE],
    "created": [],
    "batch_id": None,
}
DONE = PLANNED | {"dry_run": False, "created": IMPORTED["created"], "batch_id": BATCH_ID}
ABSENT = InvalidInput(
    f"row 2, phone_number: {UNNAMED} is in no account at twilio; nothing was done",
    field="rows.1.phone_number",
    hint="set the keys of the account that has it, or take the row out",
)

ADOPT_NUMBERS = operation(
    "adoptNumbers",
    summary="Take over what the accounts hold",
    description=(
        "Numbers that were bought in a dashboard, by an older script, or by another installation that is gone: all "
        "rows, or none. One that names a restaurant is put in service for it by a batch that buys nothing; the "
        "restaurant is created, or found by its `external_id`. The others are idle. What something else answers is "
        "refused. With `dry_run` nothing is done, and each row is told. May be repeated."
    ),
    responses={
        200: answered("Taken over.", planned=("With `dry_run`", PLANNED), done=("Done", DONE), headers=REPLAYED),
        **documented(*REFUSED, *MALFORMED, ABSENT, KEY_REUSED, *CARRIER_PROBLEMS),
    },
)
