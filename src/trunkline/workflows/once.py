"""Requests that may be sent twice: what was asked with an Idempotency-Key is begun once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import idempotency
from trunkline.errors import Conflict, IdempotencyMismatch
from trunkline.workflows.services import Services


@dataclass
class Once:
    """A caller's key, and the fingerprint of what was asked with it. `replayed` is set where the same had been asked
    with it before, and nothing is begun again."""

    key: str
    fingerprint: str
    replayed: bool = False

    @classmethod
    def asked(cls, key: str | None, operation: str, **request: Any) -> Once | None:
        """None without a key: then the request is one of its own."""
        if key is None:
            return None
        plain = json.dumps({"operation": operation, **request}, sort_keys=True, default=str)
        return cls(key, hashlib.sha256(plain.encode()).hexdigest())


class Begun(NamedTuple):
    """What a request has begun: a run, of whatever kind, or a restaurant and the run of its number."""

    run_id: str | None
    restaurant_id: str | None = None

    @property
    def run(self) -> str:
        """Of a request that always begins one."""
        assert self.run_id is not None
        return self.run_id


async def find_begun(services: Services, once: Once | None) -> Begun | None:
    """What the same request had begun before; IdempotencyMismatch if the key was used with another one."""
    if once is None:
        return None
    async with services.database.read() as session:
        row = await idempotency.get(session, once.key)
    if row is None:
        return None
    if row.fingerprint != once.fingerprint:
        raise IdempotencyMismatch(
            "this Idempotency-Key was used with another body", hint="use a new key for a new request"
        )
    once.replayed = True
    return Begun(row.run_id, row.restaurant_id)


async def begin_once(
    services: Services, once: Once | None, kind: str | None, begin: Callable[[AsyncSession], Awaitable[Begun]]
) -> Begun:
    """Let `begin` write what is begun, in one transaction with the key, and start its run of this kind (None: there
    is nothing to be started). Where the same request came at the same time, what that one has begun; else what `begin`
    raises."""
    try:
        async with services.database.write() as session:
            begun = await begin(session)
            if once is not None:
                idempotency.add(session, once.key, once.fingerprint, begun.run_id, begun.restaurant_id)
    except (IntegrityError, Conflict):
        if before := await find_begun(services, once):
            return before
        raise
    if kind is not None and begun.run_id is not None:
        await services.engine.start(kind, begun.run_id)
    return begun
