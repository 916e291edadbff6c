"""Holding an offer: a number for sale is kept from everybody for ten minutes but from who names it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from trunkline.carriers.base import HoldsOffers
from trunkline.db import holds
from trunkline.db.models import Hold, utcnow
from trunkline.domain.ids import new_id
from trunkline.domain.marks import OwnerMark, parse_mark
from trunkline.domain.numbers import E164
from trunkline.errors import CannotHold, Conflict, NotFound, Rejected
from trunkline.workflows.purchase_outcome import plain_kept
from trunkline.workflows.read_holds import held_offer
from trunkline.workflows.services import Services
from trunkline.workflows.stock_number import ForSale, find_offer, is_held

HELD_FOR = timedelta(minutes=10)


async def hold_offer(services: Services, number: E164, carrier: str | None = None) -> Hold:
    """Keep a number that is for sale from others, from now on for ten minutes, or as long as its carrier does. Nothing
    is bought. May be repeated, which prolongs it.

    CannotHold where its carrier has no holds, Conflict where it is ours, OfferGone where it is not for sale (any more).
    """
    if await is_held(services, number):
        raise Conflict(f"{number} is ours already", hint=f"GET /api/numbers/{number}")
    held = await held_offer(services, number, carrier)
    for_sale = ForSale(services.carriers[held[0]], held[1]) if held else await find_offer(services, number, carrier)
    owner = for_sale.carrier
    if not isinstance(owner, HoldsOffers):
        able = " or ".join(name for name, one in services.carriers.items() if isinstance(one, HoldsOffers))
        hint = f"hold a number of {able}, or buy this one: POST /api/numbers" if able else "buy it: POST /api/numbers"
        raise CannotHold(f"{owner.name} sells {number} and cannot hold it", hint=hint)
    row = await _begin(services, number, for_sale)
    mark = parse_mark(row.mark)
    assert mark is not None
    try:
        until = await owner.hold(number, mark)
    except Rejected:
        async with services.database.write() as session:
            await holds.end(session, number)
        raise
    async with services.database.write() as session:
        confirmed = await holds.confirm(session, number, min(utcnow() + HELD_FOR, until), until)
        if confirmed is None:
            raise Conflict(f"the hold of {number} was ended meanwhile", hint="hold it again")
    return confirmed


async def read_hold(services: Services, number: E164) -> Hold:
    async with services.database.read() as session:
        row = await holds.live(session, number)
    if row is None:
        raise NotFound(f"{number} is not held", hint=f"POST /api/numbers/{number}/hold")
    return row


async def end_hold(services: Services, number: E164) -> Hold:
    """It may be bought for anybody again; its carrier may keep it for a while still. NotFound where it is not held."""
    await read_hold(services, number)
    async with services.database.write() as session:
        ended = await holds.expire(session, number)
    if ended is None:
        raise NotFound(f"{number} is not held")
    return ended


async def _begin(services: Services, number: E164, for_sale: ForSale) -> Hold:
    """The number's row, committed before its carrier is asked: one that was begun at that carrier and has not run out
    goes on under its mark."""
    try:
        async with services.database.write() as session:
            row = await holds.begun(session, number)
            over = row is not None and row.expires_at is not None and row.expires_at <= utcnow()
            if row is None or over or row.carrier != for_sale.carrier.name:
                mark = str(OwnerMark(services.installation, new_id("hld")))
                offer = plain_kept(for_sale.offer)
                row = Hold(number=number, carrier=for_sale.carrier.name, mark=mark, offer=offer)
                await holds.begin(session, row)
    except IntegrityError:
        raise Conflict(f"{number} is being held", hint="try again in a moment") from None
    return row
