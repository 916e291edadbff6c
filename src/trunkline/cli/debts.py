"""`trunkline debts`: what is still owed to carriers and Vapi."""

from __future__ import annotations

from trunkline.cli import show
from trunkline.cli.asking import asking
from trunkline.cli.options import Csv, Json


def debts(json: Json = False, csv: Csv = False) -> None:
    """List what is still owed to carriers and Vapi, oldest first. Each is worked off by itself.

    \b
    Example:
      trunkline debts
    """
    with asking() as client:
        owed = list(client.debts())
    if show.as_document(owed, "Debt", json, csv):
        return
    rows = [(d.subject, d.owed, d.restaurant_id, d.since, d.tries, d.next_try_at, d.reason) for d in owed]
    columns = ["number", "owed", "restaurant", "since", "tries", "next try", "why the last one failed"]
    show.table(columns, rows, "nothing is owed")
