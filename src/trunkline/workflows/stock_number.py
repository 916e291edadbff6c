"""Numbers for stock: bought without a restaurant, or taken over from a carrier's account; idle until one needs them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline import errors
from trunkline.carriers.base import Carrier
from trunkline.db import debts, intents, numbers, runs
from trunkline.db.models import Number, StockPurchase
from trunkline.db.runs import STOCK_PURCHASES
from trunkline.db.session import DATABASE_AWAY
from trunkline.domain.acting import acting
from trunkline.domain.choosing import Offer, OwnedNumber, exactly, is_ours_to_use, objection, with_answerer
from trunkline.domain.ids import new_id
from trunkline.domain.marks import OwnerMark, other_installation, parse_mark
from trunkline.domain.money import PriceLimits
from trunkline.domain.numbers import E164, NumberState
from trunkline.domain.states import DebtKind, RunStatus
from trunkline.errors import (
    AlreadyThere,
    CarrierNotConfigured,
    Conflict,
    Foreign,
    NotFound,
    OfferGone,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    Role,
    Superseded,
    TrunklineError,
)
from trunkline.voice.base import Target, VoiceNumber
from trunkline.workflows import accounts
from trunkline.workflows.budgets import Spender, read_ledger
from trunkline.workflows.candidates import RAISE_LIMITS, price_limits
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.purchase import Buyer, buy, refuse_dearer, settle_purchase
from trunkline.workflows.purchase_outcome import look_after, plain_kept, read_offer
from trunkline.workflows.read_holds import held_offer
from trunkline.workflows.run import end_of
from trunkline.workflows.search_numbers import search_numbers
from trunkline.workflows.services import Services, leads_to_vapi

log = structlog.get_logger()
SENDING_SECONDS = 120.0  # longest that a request waits for one purchase, its turn included
UNUSED = (NumberState.FOREIGN, NumberState.RELEASED, NumberState.IDLE)


@dataclass(frozen=True)
class ForSale:
    """One exact number, and who sells it."""

    carrier: Carrier
    offer: Offer


async def find_offer(services: Services, number: E164, carrier: str | None = None) -> ForSale:
    """The number as one of the carriers sells it, or this one. OfferGone where none does, Conflict where the account
    holds it, unknown to us."""
    limits = price_limits(services.settings)
    if held := await held_offer(services, number, carrier):
        await refuse_beyond_budget(services, held[1])
        return ForSale(services.carriers[held[0]], held[1])
    for want in exactly(number, carrier):
        listing = await search_numbers(services, want, limit=10)
        for name, offers in listing.offers.items():
            exact = [offer for offer in offers if offer.number == number]
            if exact and (why := objection(exact[0], limits)):
                raise Rejected(f"{number}: {why}", provider=name, hint=RAISE_LIMITS)
            if exact:
                await refuse_beyond_budget(services, exact[0])
                return ForSale(services.carriers[name], exact[0])
    with suppress(NotFound, CarrierNotConfigured, ProviderError):
        owner, _ = await find_owned(services, number, carrier)
        hint = f"take it over: POST /api/numbers/{number}/import"
        raise Conflict(f"the account at {owner.name} holds {number} already", hint=hint)
    raise OfferGone(f"{number} is not for sale", hint="search again: GET /api/numbers/search")


async def refuse_beyond_budget(services: Services, offer: Offer) -> None:
    """BudgetExceeded where no budget would allow the purchase for stock now."""
    spender = Spender(key_id=acting().key_id)
    async with services.database.read() as session:
        (await read_ledger(session, services.settings.budget_rates, [spender])).refuse(spender, offer)


async def buy_number(
    services: Services,
    number: E164,
    carrier: str | None = None,
    once: Once | None = None,
    agreed: PriceLimits | None = None,
) -> bool:
    """Buy this exact number, once, for no restaurant; it is idle then. False where it is ours already. With the same
    idempotency key, the end of the purchase that was begun.

    PriceChanged where it costs more than was `agreed` to. Conflict where we are buying it. The carrier's refusal as it
    is: nothing was bought. OutcomeUnknown where the reply was lost: the intent stays open and is settled by itself, and
    the number is not bought again meanwhile.
    """
    begun = await find_begun(services, once)
    if begun is None and await is_held(services, number):
        begun = await find_begun(services, once)  # the same request may have bought it meanwhile
        if begun is None:
            return False
    run_id = begun.run if begun else await begin_purchase(services, number, carrier, once, agreed)
    ended = await end_of(services, STOCK_PURCHASES, run_id, SENDING_SECONDS)
    if ended.status == RunStatus.DONE or await was_bought(services, ended):
        return True
    raise _as_error(ended, number)


async def begin_purchase(
    services: Services, number: E164, carrier: str | None, once: Once | None, agreed: PriceLimits | None
) -> str:
    """The id of the run that buys it, as it is offered now."""
    chosen = await find_offer(services, number, carrier)
    refuse_dearer(agreed, chosen.offer, chosen.carrier.name, services.settings.budget_rates)

    async def begin(session: AsyncSession) -> Begun:
        bought = {"number": number, "carrier": chosen.carrier.name, "offer": plain_kept(chosen.offer)}
        return Begun((await STOCK_PURCHASES.add(session, **bought)).id)

    try:
        return (await begin_once(services, once, BuyNumber.kind, begin)).run
    except IntegrityError:
        raise Conflict(f"{number} is being bought", hint=f"GET /api/numbers/{number}") from None


async def was_bought(services: Services, ended: StockPurchase) -> bool:
    """Whether it has turned out since that a purchase whose outcome was not known has bought the number."""
    if ended.reason != OutcomeUnknown.code:
        return False
    async with services.database.read() as session:
        return await intents.bought_under(session, str(OwnerMark(services.installation, ended.id)), ended.number)


async def is_held(services: Services, number: E164) -> bool:
    async with services.database.read() as session:
        known = (await numbers.known(session, [number])).get(number)
    return known is not None and known.state not in numbers.NOT_OURS


def _as_error(ended: StockPurchase, number: E164) -> TrunklineError:
    """The error that ended a purchase, or that it goes on."""
    if ended.status == RunStatus.RUNNING or ended.reason == OutcomeUnknown.code:
        detail = ended.message or f"{ended.carrier} did not answer in time"
        return OutcomeUnknown(
            f"{detail}; whether {number} was bought is not known yet",
            provider=ended.carrier,
            operation="buy",
            hint="nothing: it is found out by itself; GET /api/debts shows it until then",
        )
    return errors.by_code(ended.reason or "", ended.message or "", ended.hint, ended.carrier)


class StockBuyer(Buyer[StockPurchase]):
    """Somebody waits for the answer: that it is not known is one, and it is found out by itself."""

    patient = False


class BuyNumber:
    """The durable work of one purchase for stock."""

    kind = "buy_number"
    runs = STOCK_PURCHASES
    waits_in_line = True

    async def work(self, services: Services, row: StockPurchase) -> None:
        async with services.database.read() as session:
            steps = (await runs.steps(session, [row.id]))[row.id] if row.epoch > 1 else []
        run = StockBuyer(services, STOCK_PURCHASES, row, steps)
        run.named = E164(row.number)
        try:
            await self._buy(run)
        except (Superseded, *DATABASE_AWAY):
            raise
        except TrunklineError as error:
            await self._fail(run, error)
        except Exception:
            log.exception("a purchase was stopped by an error of ours")
            await self._fail(run, TrunklineError("an error of ours; the log has it"))
        else:
            async with run.write() as session:
                await run.end(session, status=RunStatus.DONE.value, message=f"{row.number} is ours")
        finally:
            services.trust.leave(run.id)

    async def _buy(self, run: Buyer[StockPurchase]) -> None:
        row, services = run.row, run.services
        async with services.database.read() as session:
            intent = await intents.of_run(session, str(run.mark))
        if intent is not None:
            if await settle_purchase(run, intent) is None:
                raise OfferGone(f"{row.number} was not bought", provider=row.carrier)
            return
        await refuse_bought(run)
        carrier = services.carriers.get(row.carrier)
        if carrier is None:
            raise CarrierNotConfigured(f"{row.carrier} is not configured")
        await accounts.refuse_changed(services, carrier.name)
        async with run.step("purchase", carrier.name) as step:
            if await buy(run, step, carrier, read_offer(row.offer)) is None:
                raise Conflict(f"{row.number} is ours already, or being bought", hint=f"GET /api/numbers/{row.number}")

    async def _fail(self, run: Buyer[StockPurchase], error: TrunklineError) -> None:
        """The end without the number. A purchase of unknown outcome is owed."""
        async with run.write() as session:
            if intent := await intents.of_run(session, str(run.mark)):
                await debts.owe(
                    session,
                    DebtKind.INTENT_UNKNOWN,
                    intent.id,
                    provider=intent.carrier,
                    reason=error.detail,
                    wait=look_after(run.services),
                )
            ends = {"reason": error.code, "message": error.detail, "hint": error.hint}
            await run.end(session, status=RunStatus.FAILED.value, **ends)


async def refuse_bought(run: Buyer[StockPurchase]) -> None:
    """An earlier execution may have bought the number and died before it said so."""
    async with run.services.database.read() as session:
        bought = await intents.bought_under(session, str(run.mark), run.row.number)
    if bought:
        async with run.write() as session:
            await run.end(session, status=RunStatus.DONE.value, message=f"{run.row.number} is ours")
        raise Superseded(f"{run.row.number} had been bought")


# --- from the carrier's account into Vapi ----------------------------------------------------------------------------


async def adopt_number_once(services: Services, number: E164, carrier: str | None, once: Once | None) -> None:
    """The same as `adopt_number`, once per idempotency key."""
    if await find_begun(services, once):
        return
    await adopt_number(services, number, carrier)

    async def note(_: AsyncSession) -> Begun:
        return Begun(None)

    await begin_once(services, once, None, note)


async def adopt_number(services: Services, number: E164, carrier: str | None = None) -> None:
    """Take a number over that a carrier's account holds: import it into Vapi, for no restaurant; it is idle then, or
    goes on cooling down. One that is there already is adopted, so this may be repeated.

    NotFound where no configured carrier holds it, Foreign where it serves somebody else, Conflict where it is in use.
    """
    async with services.database.read() as session:
        refuse_used((await numbers.known(session, [number])).get(number))
    owner, owned = await find_owned(services, number, carrier)
    voice = await services.voice.find(number)
    await refuse_foreign(services, owner, owned, voice)
    if not owned.voice:
        raise Rejected(f"{number} takes no calls", provider=owner.name)
    if parse_mark(owned.mark_text) is None:
        owned = await owner.mark(owned, OwnerMark(services.installation, new_id("imp")))
    async with services.database.write() as session:
        await numbers.ensure(session, number, NumberState.IDLE, carrier=owner.name)
        row = (await numbers.lock(session, number))[number]
        refuse_used(row)
        numbers.adopted(row, owner.name, owned)
    voice, voice_org = voice or await bring_in(services, owner, number), await services.voice.account()
    async with services.database.write() as session:
        row = await numbers.get(session, number)
        numbers.in_voice(row, voice.id, voice_org, row.target)


def refuse_used(row: Number | None) -> None:
    if row is None or (row.state in (*UNUSED, NumberState.COOLING_DOWN) and row.claimed_by is None):
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
    for owner in asked:
        owned = await owner.lookup(number)
        if owned is not None:
            return owner, owned
    names = " or ".join(owner.name for owner in asked)
    raise NotFound(f"the account at {names} does not hold {number}", hint="buy it: POST /api/numbers")


async def refuse_foreign(services: Services, owner: Carrier, owned: OwnedNumber, voice: VoiceNumber | None) -> None:
    """Foreign unless nobody else uses the number, by its mark, by what answers it at the carrier, and by Vapi."""
    async with services.database.read() as session:
        known = (await numbers.known(session, [owned.number])).get(owned.number)
    if other_installation(services.installation, owned.mark_text, voice.name if voice else None):
        hint = f"take its mark off at {owner.name} first, if that installation is gone"
        raise Foreign(f"{owned.number} is used by another installation of Trunkline", provider=owner.name, hint=hint)
    target = known.target if known else None
    if await is_used_there(services, owner, owned, voice, target):
        hint = f"take that off it at {owner.name} first"
        raise Foreign(f"{owned.number} is used by {owned.used_by}", provider=owner.name, hint=hint)
    if voice is not None and not await services.may_change(voice, target):
        detail = f"{owned.number} serves another assistant in Vapi and is not touched"
        raise Foreign(detail, provider="vapi", role=Role.VOICE)


async def is_used_there(
    services: Services, owner: Carrier, owned: OwnedNumber, voice: VoiceNumber | None, target: Mapping[str, Any] | None
) -> bool:
    """Whether something else than Vapi answers it at its carrier. Where Vapi does not show which applications are its
    own, that of a number which Vapi has is taken for one of them."""
    applications = await services.voice.applications() if owned.application else None
    seen = with_answerer(owned, applications)
    if voice is None:
        return not is_ours_to_use(seen, services.installation)
    by_vapi = leads_to_vapi(seen, target) or (owned.application is not None and applications is None)
    return owner.capabilities.imported and owned.used_by is not None and not by_vapi


async def bring_in(services: Services, owner: Carrier, number: E164) -> VoiceNumber:
    """Import it, connected to nothing."""
    source, credential = owner.import_source(), await services.credential(owner)
    name = str(OwnerMark(services.installation, new_id("imp")))
    try:
        return await services.voice.import_number(number, source, credential, Target(), name)
    except AlreadyThere:
        voice = await services.voice.find(number)
        if voice is None:
            raise
        return voice
