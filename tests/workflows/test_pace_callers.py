"""A key asks so often a minute, and wrong ones cost an address ever more time."""

from __future__ import annotations

import pytest

from trunkline.errors import TooManyRequests, Unauthorized
from trunkline.workflows import pace_callers
from trunkline.workflows.pace_callers import LONGEST_WAIT, REMEMBERED, Callers


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def attempt(callers: Callers, address: str | None, sent: str, *, allowed: int = 2) -> float | None:
    """What one attempt costs: None where it was looked at, else the wait."""
    try:
        with callers.trying(address, sent, allowed):
            if not sent.startswith("right"):
                raise Unauthorized("wrong")
    except TooManyRequests as error:
        return error.retry_after
    except Unauthorized:
        pass
    return None


def test_each_wrong_one_beyond_those_that_are_allowed_costs_twice_the_last() -> None:
    clock = Clock()
    callers = Callers(clock)
    assert [attempt(callers, "192.0.2.1", f"wrong {n}") for n in range(3)] == [None] * 3
    waits = []
    for n in range(14):
        wait = attempt(callers, "192.0.2.1", f"another {n}")
        assert wait is not None
        waits.append(wait)
        clock.now += wait
        assert attempt(callers, "192.0.2.1", f"a third {n}") is None
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST_WAIT
    assert attempt(callers, "192.0.2.2", "wrong") is None
    clock.now += REMEMBERED + LONGEST_WAIT
    assert [attempt(callers, "192.0.2.1", "wrong") for _ in range(2)] == [None] * 2


def test_what_opened_something_is_let_in_while_others_wait_and_what_never_did_is_not() -> None:
    callers = Callers(Clock())
    assert attempt(callers, None, "right") is None
    assert [attempt(callers, None, "wrong", allowed=0), attempt(callers, None, "wrong", allowed=0)] == [None, 1]
    assert attempt(callers, None, "right") is None
    assert attempt(callers, None, "right, but new") == 1


def test_one_household_is_one_address_and_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_callers, "MOST", 2)
    callers = Callers(Clock())
    assert attempt(callers, "2001:db8:1:2::1", "wrong", allowed=0) is None
    assert attempt(callers, "2001:db8:1:2:ffff::2", "wrong", allowed=0) == 1
    for address in ("2001:db8:1:3::1", "a socket"):
        assert attempt(callers, address, "wrong", allowed=0) is None
    assert attempt(callers, "2001:db8:1:2::1", "wrong", allowed=0) is None


def test_a_key_asks_so_often_a_minute_and_no_more() -> None:
    clock = Clock()
    callers = Callers(clock)
    for _ in range(3):
        callers.count("key_a", 3)
    clock.now += 20
    with pytest.raises(TooManyRequests) as refused:
        callers.count("key_a", 3)
    assert refused.value.retry_after == 40
    callers.count("key_b", 3)
    clock.now += 40
    callers.count("key_a", 3)
    for _ in range(5):
        callers.count("key_a", 0)
