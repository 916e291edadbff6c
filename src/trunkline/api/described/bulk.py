"""The import of many restaurants, as the document shows it."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    CARRIER_PROBLEMS,
    KEY_REUSED,
    MALFORMED,
    REFUSED,
    RESTAURANT_ID,
    answered,
    documented,
    header,
    operation,
)
from trunkline.api.described.batches import BATCH_ID, PLAN
from trunkline.api.described.restaurants import API_KEY
from trunkline.api.shapes.bulk import BulkPlan
from trunkline.errors import Conflict, InvalidInput

ROWS = [
    {"name": "Chez Panisse", "external_id": "R-17", "metadata": {"city": "Berkeley"}, "area_code": "510"},
    {"name": "Roma", "external_id": "R-18", "phone_number": "+14155550123"},
]
EXAMPLES: dict[str, Any] = {
    "plan": {"summary": "What would become of each row", "value": {"rows": ROWS, "dry_run": True}},
    "import": {"summary": "Import them, and buy at most ten numbers", "value": {"rows": ROWS, "max_purchases": 10}},
}
ITEM = {
    "row": 1,
    "fate": "new",
    "name": "Chez Panisse",
    "external_id": "R-17",
    "restaurant_id": None,
    "changes": [],
    "field": None,
    "detail": None,
    "hint": None,
}
ITEM_REFUSED = ITEM | {
    "row": 2,
    "fate": "refused",
    "name": None,
    "external_id": None,
    "field": "country",
    "detail": "'XX' is not a country",
    "hint": "use a two-letter ISO code like US",
}
PLANNED = {
    "counts": {"new": 1, "same": 0, "changed": 0, "refused": 1},
    "items": [ITEM, ITEM_REFUSED],
    "numbers": PLAN,
}
DONE = {
    "created": [{"row": 1, "id": RESTAURANT_ID, "name": "Chez Panisse", "external_id": "R-17"} | API_KEY],
    "changed": 0,
    "same": 0,
    "batch_id": BATCH_ID,
}
BAD_ROW = InvalidInput(
    "row 2, country: 'XX' is not a country; nothing was done",
    field="rows.1.country",
    hint="use a two-letter ISO code like US",
)
MEANWHILE = Conflict("a restaurant with one of these external_ids was created meanwhile", hint="import the file again")

IMPORT_RESTAURANTS = operation(
    "importRestaurants",
    summary="Create or change many restaurants at once",
    description="All rows are judged first; one that is refused stops them all. An `external_id` that is there names "
    "the restaurant to change, so that a file may be sent again. The new ones get their numbers by a batch; a row may "
    "name a number that a configured account has already. With `dry_run` nothing is done, and each row is told.",
    responses={
        200: answered("With `dry_run`.", model=BulkPlan, plan=("One of two rows is refused", PLANNED)),
        201: answered(
            "Imported.",
            done=("One restaurant is new", DONE),
            headers={"Location": header("the batch, if there is one", f"/api/batches/{BATCH_ID}")},
        ),
        **documented(*REFUSED, *MALFORMED, BAD_ROW, KEY_REUSED, MEANWHILE, *CARRIER_PROBLEMS),
    },
)
