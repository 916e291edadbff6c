"""What every carrier's calls about a number do when the carrier refuses, is slow, or its answer is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.contract.conftest import MARK, OTHER_MARK, Harness
from tests.support.sandbox_server import SandboxServer
from trunkline.carriers.base import Carrier
from trunkline.domain.choosing import OwnedNumber
from trunkline.errors import Missing, ProviderError, Rejected, RetryLater

pytestmark = pytest.mark.anyio

Call = Callable[[Carrier, OwnedNumber], Awaitable[Any]]


async def read_all(carrier: Carrier, number: OwnedNumber) -> list[OwnedNumber]:
    return [owned async for owned in carrier.owned()]


CALLS: dict[str, Call] = {
    "lookup": lambda carrier, number: carrier.lookup(number.number),
    "find": lambda carrier, number: carrier.find(number.number, MARK),
    "owned": read_all,
    "mark": lambda carrier, number: carrier.mark(number, OTHER_MARK),
    "restore": lambda carrier, number: carrier.restore(number, number.urls),
    "release": lambda carrier, number: carrier.release(number),
    "release-by-number": lambda carrier, number: carrier.release(OwnedNumber(number.number, "")),
}
FAULTS: dict[str, tuple[dict[str, Any], type[ProviderError]]] = {
    "refused": ({"kind": "status", "status": 400}, Rejected),
    "429": ({"kind": "status", "status": 429, "headers": {"Retry-After": "0.1"}}, RetryLater),
    "500": ({"kind": "status", "status": 500}, RetryLater),
    "503-after": ({"kind": "status", "status": 503, "when": "after"}, RetryLater),
    "slow": ({"kind": "hold"}, RetryLater),
    "dropped-before": ({"kind": "drop"}, RetryLater),
    "dropped-after": ({"kind": "drop", "when": "after"}, RetryLater),
}


@pytest.mark.parametrize("failure", FAULTS)
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_about_a_number_that_fails_says_what_to_do_next_and_can_be_repeated(
    harness: Harness, sandbox: SandboxServer, call: str, failure: str
) -> None:
    carrier, act = harness.build(sandbox.url), CALLS[call]
    hasty = harness.build(sandbox.url, provider_timeout_seconds=0.3) if failure == "slow" else carrier
    try:
        number = await carrier.buy((await carrier.search(harness.want, harness.country, 1))[0], MARK)
        if call == "mark" and not carrier.capabilities.owner_mark:
            assert await carrier.mark(number, MARK) == number  # asks nobody
            return
        rule, expected = FAULTS[failure]
        body = {"body": harness.refusal} if failure == "refused" else {}
        harness.fault(sandbox, "*", times=1, **rule, **body)
        asked = len(sandbox.requests(provider=harness.name))
        with pytest.raises(expected) as caught:
            await act(hasty, number)
        assert not isinstance(caught.value, Missing)
        assert caught.value.provider == harness.name
        assert len(sandbox.requests(provider=harness.name)) == asked + 1
        gone = call == "release" and "after" in failure
        assert harness.held(sandbox) == ([] if gone else [number.number])
        if gone:
            with pytest.raises(Missing):
                await act(carrier, number)
        else:
            await act(carrier, number)
    finally:
        await carrier.close()
        await hasty.close()
