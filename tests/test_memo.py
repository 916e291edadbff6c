"""Kept answers: one asker for many, failures are not kept, and an answer lasts as long as it says."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from trunkline.memo import Memo

pytestmark = pytest.mark.anyio


class Source:
    """Counts how often it is asked; fails where it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.failing = False

    async def ask(self) -> int:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.failing:
            raise LookupError
        return self.asked


async def test_many_askers_at_once_ask_once_and_the_answer_is_kept() -> None:
    source, memo = Source(), Memo[int]()
    assert await asyncio.gather(*(memo.get("US", source.ask) for _ in range(5))) == [1] * 5
    assert await memo.get("US", source.ask) == 1
    assert await memo.get("GB", source.ask) == 2


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    source, memo = Source(), Memo[int]()
    source.failing = True
    results = await asyncio.gather(*(memo.get("US", source.ask) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [LookupError] * 3
    assert source.asked == 1
    source.failing = False
    assert await memo.get("US", source.ask) == 2


async def test_an_answer_lasts_as_long_as_its_value_says() -> None:
    source, memo = Source(), Memo[int](lambda value: 0.5 if value == 1 else 60)
    assert await memo.get("US", source.ask) == 1
    assert await memo.get("US", source.ask) == 1
    await asyncio.sleep(0.55)
    assert [await memo.get("US", source.ask) for _ in range(2)] == [2, 2]


async def test_a_cancelled_asker_does_not_take_the_answer_from_the_others() -> None:
    source, memo = Source(), Memo[int]()
    first = asyncio.create_task(memo.get("US", source.ask))
    second = asyncio.create_task(memo.get("US", source.ask))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 1


async def test_what_is_forgotten_is_asked_again() -> None:
    source, memo = Source(), Memo[int]()
    await memo.get("US", source.ask)
    memo.forget()
    assert await memo.get("US", source.ask) == 2


async def test_an_answer_for_all_is_asked_for_in_nobody_s_name() -> None:
    name, seen = ContextVar("name", default="nobody"), []

    async def ask() -> int:
        seen.append(name.get())
        return 1

    name.set("the first asker")
    await Memo[int]().get("US", ask)
    assert seen == ["nobody"]


async def test_what_is_over_is_not_kept_in_memory() -> None:
    source, memo = Source(), Memo[int](lambda value: 0.0)
    for key in range(5):
        await memo.get(key, source.ask)
    assert len(memo._asked) == 1
