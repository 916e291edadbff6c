"""`trunkline numbers hold`: a number that is for sale is kept for a while."""

from __future__ import annotations

from typing import Annotated

import typer

from trunkline.cli import show
from trunkline.cli.asking import asking
from trunkline.cli.options import Carrier, Json, One
from trunkline.cli.output import say


def hold(
    number: One,
    carrier: Carrier = None,
    end: Annotated[bool, typer.Option("--end", help="Let it go: it may be bought for anybody again.")] = False,
    json: Json = False,
) -> None:
    """Hold a number that is for sale, for ten minutes: only who names it can buy it. Nothing is bought or paid.

    Its carrier keeps it from its other customers meanwhile. Repeating it prolongs it.

    \b
    Examples:
      trunkline numbers hold +14155550123 --carrier telnyx
      trunkline numbers hold +14155550123 --end
    """
    with asking() as client:
        held = client.end_hold(number) if end else client.hold_number(number, carrier=carrier)
    if json:
        show.as_json(held)
        return
    if end:
        say(f"{held.offer.number} is not held; {held.offer.carrier} keeps it until {show.cell(held.carrier_until)}")
        return
    price = show.price(held.offer.monthly_price, held.offer.currency) or "a price that is not stated"
    say(f"{held.offer.number} is held at {held.offer.carrier} until {show.cell(held.held_until)}, for {price} a month")
    say(f"buy it: trunkline numbers buy {held.offer.number} --carrier {held.offer.carrier}")
