"""The accounts that we work with: whose keys these are, and whether anything may be bought there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.carriers.base import Carrier
from trunkline.db import accounts, installation, numbers
from trunkline.domain.choosing import Offer
from trunkline.domain.marks import count_others
from trunkline.errors import ActionRequired, Conflict, InvalidInput, NotFound, ProviderError, Role
from trunkline.workflows.services import Balance, Services

log = structlog.get_logger()
BALANCE_SECONDS = 60.0
VOICE = "voice"  # the voice platform's row among the accounts


class KeysOf(NamedTuple):
    """Whose keys the settings hold now (empty: nothing tells it yet), and whose were accepted (None: this provider was
    never worked with)."""

    provider: str
    now: str
    accepted: str | None

    @property
    def changed(self) -> bool:
        return bool(self.now and self.accepted) and self.now != self.accepted


async def keys_of(services: Services, provider: str) -> KeysOf:
    """Ask the provider which account the keys open, and compare it with the remembered one, which is this one if none
    was. Raises a ProviderError where it cannot be asked."""
    return (await _keys_of(services, [provider]))[0]


async def _keys_of(services: Services, providers: Sequence[str]) -> list[KeysOf]:
    now = {provider: await _identity(services, provider) for provider in providers}
    async with services.database.read() as session:
        accepted = await accounts.accepted(session, providers)
    for provider in providers:
        if now[provider] and not accepted.get(provider):
            async with services.database.write() as session:
                accepted[provider] = (await accounts.remember(session, provider, now[provider])).account
    return [KeysOf(provider, now[provider], accepted.get(provider)) for provider in providers]


def are_known(services: Services, *providers: str) -> bool:
    """Whether each of them has told whose keys these are: it is not asked for that again."""
    return services.identified.issuperset(providers)


async def refuse_changed(services: Services, *providers: str) -> None:
    """ActionRequired if the keys in the settings are those of another account than the one that we have worked with:
    nothing is bought, settled or given back with them until a person says that the change is meant."""
    for keys in await _keys_of(services, providers):
        if keys.changed:
            provider = keys.provider
            raise ActionRequired(
                f"the keys of {shown(provider)} are of account {keys.now}; until now they were of {keys.accepted}",
                provider="vapi" if provider == VOICE else provider,
                role=Role.VOICE if provider == VOICE else Role.CARRIER,
                hint=f"set the former keys again, or, if the change is meant: trunkline accounts accept {provider}",
                account_wide=True,
            )


async def accept(services: Services, provider: str) -> KeysOf:
    """The keys' account is the one to work with from now on; as it was before and is now. Numbers that the former one
    holds stay there, and are not given back with these keys."""
    if provider != VOICE and provider not in services.carriers:
        raise NotFound(f"{provider} is not configured", hint="CARRIERS names those that are, and their keys are set")
    keys = await keys_of(services, provider)
    async with services.database.write() as session:
        await accounts.accept(session, provider, keys.now)
        await accounts.unblock(session, provider)
    return keys


async def all_keys(services: Services) -> list[KeysOf]:
    """Of the voice platform and of every configured carrier."""
    return await _keys_of(services, (VOICE, *services.carriers))


async def take_over(services: Services, name: str) -> str:
    """Be the installation of this name: its marks are ours. Conflict unless the database is new; InvalidInput where no
    number at the voice platform carries its mark."""
    others = await marks_of_others(services)
    if name not in others:
        known = ", ".join(others) or "none"
        raise InvalidInput(
            f"no number in Vapi carries the mark of {name!r}",
            field="installation",
            hint=f"marks that were seen: {known}",
        )
    async with services.database.write() as session:
        if await numbers.any_known(session):
            raise Conflict("this database knows numbers already", hint="take over with a new, empty database only")
        await installation.rename(session, name)
    services.installation = name
    services.listings.forget()  # whose the marks are is known otherwise now
    return name


async def marks_of_others(services: Services) -> dict[str, int]:
    """How many numbers of the voice platform carry the mark of each other installation."""
    async with services.database.read() as session:
        own = await installation.known(session)
    return count_others(own, [voice.name for voice in await services.voice.numbers()])


async def warn_of_others(services: Services) -> None:
    """At the start on a new database: numbers that another installation has are left alone, and may be those of a
    database that was lost."""
    async with services.database.read() as session:
        if await numbers.any_known(session):
            return
    try:
        others = await marks_of_others(services)
    except ProviderError:
        return  # the first assignment says it
    for name, count in others.items():
        log.warning(
            "this database is empty, and numbers in Vapi carry the marks of another installation; they are left alone",
            installation=name,
            numbers=count,
            mend=f"if it is gone: trunkline accounts take-over {name}",
        )


def shown(provider: str) -> str:
    return "the Vapi organisation" if provider == VOICE else provider


async def _identity(services: Services, provider: str) -> str:
    identity = await (services.voice.account() if provider == VOICE else services.carriers[provider].account_id())
    if identity:
        services.identified.add(provider)
    return identity


# --- what stops purchases --------------------------------------------------------------------------------------------


class Blocked(ActionRequired):
    """Nothing is bought there for now, for a reason that came up before."""


async def refuse_blocked(session: AsyncSession, carrier: str) -> None:
    """Blocked while nothing may be bought at the carrier, with the reason that it gave."""
    row = await accounts.blocked(session, carrier)
    if row is not None:
        raise Blocked(row.reason or "", provider=carrier, hint=row.hint, account_wide=True)


async def block(services: Services, carrier: Carrier, error: ProviderError, reason: str | None = None) -> None:
    """Nothing is bought at the carrier for a while: what it refused concerns every purchase."""
    log.warning("nothing is bought for a while", carrier=carrier.name, reason=reason or error.detail)
    try:
        account = await carrier.account_id()
    except ProviderError:  # wrong keys, say: they tell no account
        account = ""
    async with services.database.write() as session:
        await accounts.block(session, carrier.name, account, reason or error.detail, error.hint)


async def refuse_poor(services: Services, carrier: Carrier, offer: Offer) -> None:
    """ActionRequired where the account says that it cannot pay what is due at once for this number. An account that
    does not say, or has another currency, is taken at its word when it is asked to sell."""
    known = await balance_of(services, carrier)
    due = offer.due()
    if known.left is None or due is None or known.currency != offer.currency:
        return
    if known.left < due:
        services.balances.pop(carrier.name, None)  # whoever asks again has added to it
        raise ActionRequired(
            f"the {carrier.name} account has {known.left} {known.currency}, and {due} are due at once for a number",
            provider=carrier.name,
            hint=f"add credit to the {carrier.name} account",
            account_wide=True,
        )


async def balance_of(services: Services, carrier: Carrier) -> Balance:
    """As it was known within a minute; of several that ask at once one asks the carrier."""
    async with services.balances_asked[carrier.name]:
        known = services.balances.get(carrier.name)
        if known is None or time.monotonic() - known.asked_at > BALANCE_SECONDS:
            try:
                state = await carrier.account()
            except ProviderError:
                state = None
            pays = state is not None and not state.refills and state.kind != "trial"  # a trial buys without a balance
            left = state.balance if state is not None and pays else None
            known = Balance(time.monotonic(), left, state.currency if state else None)
            services.balances[carrier.name] = known
        return known


def spent(services: Services, carrier: str, offer: Offer) -> None:
    """So much less is left, as far as we know how much there was."""
    known = services.balances.get(carrier)
    if known is not None and known.left is not None:
        known.left -= offer.due() or Decimal()


async def try_again(services: Services, session: AsyncSession) -> None:
    """A person says that what was refused may be asked again now."""
    services.balances.clear()
    await accounts.let_try_again(session)


async def unblock(services: Services, carrier: str) -> None:
    async with services.database.write() as session:
        await accounts.unblock(session, carrier)
