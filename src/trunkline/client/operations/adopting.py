"""Taking over what the accounts hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from trunkline.client import models
from trunkline.client.operations.common import headers_of
from trunkline.client.wire import Call


class Adopting(TypedDict, total=False):
    """Which numbers: `rows` with phone_number, and name, external_id and metadata of its restaurant; left out: all that
    nobody uses. `from_installation` is another one, which is gone: its numbers may be taken."""

    rows: Sequence[Mapping[str, Any]]
    carrier: str | None
    from_installation: str | None


def adopt_numbers(
    *, dry_run: bool = False, idempotency_key: str | None = None, **wanted: Unpack[Adopting]
) -> Call[models.Adoption]:
    """All rows are taken over, or none; nothing is bought. With `dry_run` each row is told, and nothing is done."""
    body = {"all_unused": "rows" not in wanted, "dry_run": dry_run, **wanted}
    headers = headers_of(idempotency_key)
    return Call("POST", "/api/reconcile/adopt", models.Adoption, body=body, headers=headers)
