"""The accounts at providers that this installation works with, and what stops purchases there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import ProviderAccount, utcnow

ACCOUNTS = cast(Table, ProviderAccount.__table__)
ACCEPTED = select(ACCOUNTS.c.provider, ACCOUNTS.c.account).where(
    ACCOUNTS.c.provider.in_(bindparam("providers", expanding=True))
)
BLOCKED = select(ACCOUNTS.c.provider, ACCOUNTS.c.blocked_reason, ACCOUNTS.c.blocked_hint).where(
    ACCOUNTS.c.provider == bindparam("provider"), ACCOUNTS.c.blocked_until > bindparam("now")
)
FIRST_BLOCK, LONGEST_BLOCK = timedelta(minutes=1), timedelta(hours=1)


class Blocked(NamedTuple):
    """Where nothing is bought, why, and what mends it."""

    provider: str
    reason: str | None
    hint: str | None


async def get(session: AsyncSession, provider: str) -> ProviderAccount | None:
    return await session.get(ProviderAccount, provider, populate_existing=True)


async def accepted(session: AsyncSession, providers: Sequence[str]) -> dict[str, str]:
    """The account of each that is worked with; empty, or none, where it was not known."""
    found = await session.execute(ACCEPTED, {"providers": providers})
    return {provider: account for provider, account in found}


async def remember(session: AsyncSession, provider: str, account: str) -> ProviderAccount:
    """The remembered account of the provider; this one, if none was known (an account is not known, and empty, where
    something was refused before it could be asked for)."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = {"provider": provider, "account": account, "first_seen_at": utcnow(), "blocked_times": 0}
    await session.execute(
        insert(ProviderAccount).values(**values).on_conflict_do_nothing(index_elements=["provider"])
    )  # several runs, and processes, begin at once
    row = await session.get(ProviderAccount, provider, populate_existing=True, with_for_update={"key_share": True})
    assert row is not None
    row.account = row.account or account
    await session.flush()
    return row


async def accept(session: AsyncSession, provider: str, account: str) -> None:
    """This is the provider's account from now on, whichever it was."""
    row = await remember(session, provider, account)
    row.account = account


async def all_known(session: AsyncSession) -> Sequence[ProviderAccount]:
    return (await session.execute(select(ProviderAccount).order_by(ProviderAccount.provider))).scalars().all()


async def blocked(session: AsyncSession, provider: str) -> Blocked | None:
    """What stops purchases there now; None where nothing does, or one may be tried again."""
    found = await session.execute(BLOCKED, {"provider": provider, "now": utcnow()})
    return next((Blocked(*row) for row in found), None)


async def block(session: AsyncSession, provider: str, account: str, reason: str, hint: str | None) -> None:
    """Nothing is bought there for a growing time: what was refused concerns every purchase."""
    row = await remember(session, provider, account)
    row.blocked_times += 1
    wait = min(FIRST_BLOCK * 2 ** min(row.blocked_times - 1, 10), LONGEST_BLOCK)
    row.blocked_until, row.blocked_reason, row.blocked_hint = utcnow() + wait, reason, hint


async def let_try_again(session: AsyncSession) -> None:
    """Nothing stops purchases until one is refused again; a wait that follows then is longer than the one before."""
    await session.execute(update(ProviderAccount).values(blocked_until=None))


async def unblock(session: AsyncSession, provider: str) -> None:
    """It works again."""
    row = await get(session, provider)
    if row is not None:
        row.blocked_until = row.blocked_reason = row.blocked_hint = None
        row.blocked_times = 0


async def keys_in_voice(session: AsyncSession) -> dict[str, str]:
    """By carrier, the fingerprint of the keys that the voice platform was given, where it is known."""
    return {row.provider: row.keys_in_voice for row in await all_known(session) if row.keys_in_voice is not None}


async def keep_keys_in_voice(session: AsyncSession, provider: str, fingerprint: str) -> None:
    """The voice platform has these keys, of whichever account."""
    row = await remember(session, provider, "")
    row.keys_in_voice = fingerprint
