"""Numbers for stock: bought without a restaurant, or taken over from a carrier's account; idle until one needs them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import debts, intents, numbers
from trunkline.db.debts import DebtKind
from trunkline.db.models import Number, PurchaseIntent
from trunkline.domain.choosing import Criteria, Offer, OwnedNumber, is_ours_to_use, objection, plain_offer
from trunkline.domain.ids import new_id
from trunkline.domain.marks import OwnerMark, parse_mark
from trunkline.domain.money import PriceLimits
from trunkline.domain.numbers import E164, NumberState, country_of, type_of
from trunkline.errors import (
    ActionRequired,
    AlreadyThere,
    CarrierNotConfigured,
    Conflict,
    Foreign,
    NotFound,
    OfferGone,
    OutcomeUnknown,
    Rejected,
    RetryLater,
    Role,
)
from trunkline.voice.base import Target, VoiceNumber
from trunkline.workflows.purchase import drop, keep
from trunkline.workflows.search_numbers import search_numbers
from trunkline.workflows.services import Services

SENDING_SECONDS = 120.0  # longest that one purchase may take, its turn included
SETTLE_SECONDS = 300.0  # after which nobody can be sending it any more, and the carrier's word is final
UNUSED = (NumberState.FOREIGN, NumberState.RELEASED, NumberState.IDLE)


@dataclass(frozen=True)
class ForSale:
    """One exact number, and who sells it."""

    carrier: Carrier
    offer: Offer


async def find_offer(services: Services, number: E164, carrier: str | None = None) -> ForSale:
    """The number as one of the carriers sells it, or this one. OfferGone where none does."""
    want = Criteria(country_of(number), None, number[-10:].lstrip("+"), type_of(number), carrier)
    found = await search_numbers(services, want, limit=10)
    limits = PriceLimits.of(services.settings.max_monthly_price, services.settings.max_upfront_price)
    for name, offers in found.offers.items():
        exact = [offer for offer in offers if offer.number == number]
        if exact and (why := objection(exact[0], limits)):
            raise Rejected(f"{number}: {why}", provider=name, hint="raise MAX_MONTHLY_PRICE or MAX_UPFRONT_PRICE")
        if exact:
            return ForSale(services.carriers[name], exact[0])
    raise OfferGone(f"{number} is not for sale", hint="search again: GET /api/numbers/search")


async def buy_number(services: Services, number: E164, carrier: str | None = None) -> None:
    """Buy this exact number, once, for no restaurant; it is idle then.

    Conflict where we hold it or are buying it. The carrier's refusal as it is: nothing was bought. OutcomeUnknown where
    the reply was lost: the intent stays open and is settled by itself, and the number is not bought again meanwhile.
    """
    chosen = await find_offer(services, number, carrier)
    intent = await choose(services, chosen)
    try:
        async with asyncio.timeout(SENDING_SECONDS):
            owned = await chosen.carrier.buy(chosen.offer, OwnerMark(services.installation, intent.id))
    except (RetryLater, Rejected, ActionRequired) as error:
        async with services.database.write() as session:
            await intents.close(session, intent.id, "gone" if isinstance(error, OfferGone) else "refused", error.detail)
            await drop(session, intent)
        raise
    except (OutcomeUnknown, TimeoutError) as error:
        detail = getattr(error, "detail", f"{chosen.carrier.name} did not answer in time")
        async with services.database.write() as session:
            await debts.settle(session, intent.id)
            await debts.owe(session, DebtKind.INTENT_UNKNOWN, intent.id, reason=detail, wait=look_after(services))
        raise OutcomeUnknown(
            f"{detail}; whether {number} was bought is not known yet",
            provider=chosen.carrier.name,
            operation="buy",
            hint="nothing: it is found out by itself; GET /api/debts shows it until then",
        ) from None
    async with services.database.write() as session:
        await record(session, intent, owned)


async def choose(services: Services, chosen: ForSale) -> PurchaseIntent:
    """Commit the intent before any money, and what is owed should nobody be left to finish it."""
    offer = chosen.offer
    assert offer.number is not None
    intent = PurchaseIntent(
        id=(intent_id := new_id("int")),
        carrier=chosen.carrier.name,
        number=offer.number,
        mark=str(OwnerMark(services.installation, intent_id)),
        offer=plain_offer(offer) | {"token": offer.token},
        monthly_price=offer.monthly_price,
        currency=offer.currency,
    )
    details = {
        "carrier": chosen.carrier.name,
        "country": offer.country,
        "number_type": offer.number_type.value,
    }
    try:
        async with services.database.write() as session:
            if not await numbers.reserve(session, offer.number, None, **details):
                raise Conflict(f"{offer.number} is ours already", hint=f"GET /api/numbers/{offer.number}")
            session.add(intent)
            await session.flush()
            await debts.owe(session, DebtKind.INTENT_UNKNOWN, intent.id, reason="being bought", wait=SETTLE_SECONDS)
    except IntegrityError:
        raise Conflict(f"{offer.number} is being bought", hint=f"GET /api/numbers/{offer.number}") from None
    return intent


def look_after(services: Services) -> float:
    """Seconds after which a purchase whose reply was lost shows in the carrier's listing, if it was made."""
    return services.settings.provider_timeout_seconds + services.settings.listing_lag_seconds


async def record(session: AsyncSession, intent: PurchaseIntent, owned: OwnedNumber) -> None:
    """The number is ours, unless that was found out before and it is in use by now."""
    known = await session.get(Number, owned.number, populate_existing=True)
    if await intents.close(session, intent.id, "bought") or known is None or known.state == NumberState.FOREIGN:
        await keep(session, intent, owned)


# --- from the carrier's account into Vapi ----------------------------------------------------------------------------


async def adopt_number(services: Services, number: E164, carrier: str | None = None) -> None:
    """Take a number over that a carrier's account holds: import it into Vapi, for no restaurant; it is idle then. One
    that is there already is adopted, so this may be repeated.

    NotFound where no configured carrier holds it, Foreign where it serves somebody else, Conflict where it is in use.
    """
    async with services.database.read() as session:
        refuse_used(await session.get(Number, number))
    owner, owned = await find_owned(services, number, carrier)
    found = await services.voice.find(number)
    await refuse_foreign(services, owner, owned, found)
    async with services.database.write() as session:
        await numbers.ensure(session, number, NumberState.IDLE, carrier=owner.name)
        row = await numbers.get(session, number)
        refuse_used(row)
        if row.state != NumberState.IDLE:
            numbers.move(row, NumberState.IDLE)
        row.carrier, row.carrier_ref, row.released_at = owner.name, owned.ref, None
        row.country = row.country or country_of(number)
        if found is None:  # else they are those of an import already
            row.saved_urls = owned.urls
    voice = found or await bring_in(services, owner, number)
    async with services.database.write() as session:
        (await numbers.get(session, number)).voice_id = voice.id


def refuse_used(row: Number | None) -> None:
    if row is None or (row.state in UNUSED and row.claimed_by is None):
        return
    state = "about to be put in service" if row.claimed_by else row.state.replace("_", " ")
    raise Conflict(f"{row.number} is {state}", hint=f"GET /api/numbers/{row.number}")


async def find_owned(services: Services, number: E164, carrier: str | None) -> tuple[Carrier, OwnedNumber]:
    """The carrier whose account holds the number, and its record of it."""
    asked = [c for name, c in services.carriers.items() if carrier in (None, name)]
    if not asked:
        raise CarrierNotConfigured(
            f"{carrier} is not configured" if carrier else "no carrier is configured",
            hint="set the keys of a carrier and CARRIERS",
        )
    mark = OwnerMark(services.installation, new_id("imp"))
    for owner in asked:
        owned = await owner.find(number, mark)
        if owned is not None:
            return owner, owned
    names = " or ".join(owner.name for owner in asked)
    raise NotFound(f"the account at {names} does not hold {number}", hint="buy it: POST /api/numbers")


async def refuse_foreign(services: Services, owner: Carrier, owned: OwnedNumber, found: VoiceNumber | None) -> None:
    """Foreign unless nobody else uses the number, by its mark, by what answers it at the carrier, and by Vapi."""
    mark = parse_mark(owned.mark_text)
    other = mark is not None and mark.installation != services.installation
    if other or (found is None and not is_ours_to_use(owned, services.installation)):
        by = "another installation of Trunkline" if other else owned.used_by
        hint = f"take that off it at {owner.name} first"
        raise Foreign(f"{owned.number} is used by {by}", provider=owner.name, hint=hint)
    if found is not None and not found.free_for(await services.voice.shared_assistant(), services.server_url):
        raise Foreign(
            f"{owned.number} serves another assistant in Vapi and is not touched", provider="vapi", role=Role.VOICE
        )
    if not owned.voice:
        raise Rejected(f"{owned.number} takes no calls", provider=owner.name)


async def bring_in(services: Services, owner: Carrier, number: E164) -> VoiceNumber:
    """Import it, connected to nothing."""
    source, credential = owner.import_source(), await services.credential(owner)
    name = str(OwnerMark(services.installation, new_id("imp")))
    try:
        return await services.voice.import_number(number, source, credential, Target(), name)
    except AlreadyThere:
        found = await services.voice.find(number)
        if found is None:
            raise
        return found
