"""The same Idempotency-Key gets the same answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api.shapes import Answer
from trunkline.db import idempotency
from trunkline.workflows.once import Once
from trunkline.workflows.services import Services

A = TypeVar("A", bound=Answer)


async def answer_once(
    services: Services,
    once: Once | None,
    response: Response,
    shape: type[A],
    show: Callable[[AsyncSession], Awaitable[A]],
    *,
    final: bool = True,
) -> A:
    """What a request is answered with; with a key, the answer that is kept for it, which is the first `final` one."""
    if once is not None and once.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    async with services.database.read() as session:
        kept = await idempotency.answer(session, once.key) if once is not None else None
        answer = shape.model_validate(kept) if kept is not None else await show(session)
    if once is None or kept is not None or not final:
        return answer
    async with services.database.write() as session:
        return shape.model_validate(await idempotency.keep(session, once.key, answer.model_dump(mode="json")))
