"""The reasons for which an assignment ends, for whoever else has to tell them."""

from __future__ import annotations

import pytest

from trunkline.domain.outcomes import Reason, code_of
from trunkline.errors import by_code


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_known_as_an_error(reason: Reason) -> None:
    assert by_code(code_of(reason), "it failed", None, "").code == code_of(reason)
