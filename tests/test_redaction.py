"""No secret reaches a log line or an error, in whatever form it is echoed."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import quote, quote_plus, urlencode

import pytest

from trunkline.domain.keys import new_key
from trunkline.logs import BLANK, Redactor

USER, SECRET = "AC123", "s3cret/with+signs and\"quotes'"


@pytest.fixture
def redactor() -> Redactor:
    known = Redactor()
    known.know_login(USER, SECRET)
    return known


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        f"{USER}:{SECRET}",
        f"https://{USER}:{quote(SECRET, safe='')}@api.example",
        urlencode({"token": SECRET}),
        quote_plus(SECRET),
        json.dumps({"x": SECRET}),
        b64encode(f"{USER}:{SECRET}".encode()).decode(),
        b64encode(f"{USER}:{SECRET}".encode()).decode().rstrip("="),
        "Basic " + b64encode(f"{USER}:{SECRET}".encode()).decode(),
        urlencode({"header": "Basic " + b64encode(f"{USER}:{SECRET}".encode()).decode()}),
    ],
)
def test_a_known_login_is_blanked_in_every_form_in_which_it_is_echoed(redactor: Redactor, form: str) -> None:
    shown = redactor.text(f"bad request: {form} was sent")
    assert BLANK in shown
    assert shown.startswith("bad request: ")
    assert shown.endswith(" was sent")
    for part in (SECRET[:12], quote(SECRET, safe="")[:12], b64encode(f"{USER}:{SECRET}".encode()).decode()[:12]):
        assert part not in shown


def test_of_a_secret_that_contains_another_nothing_is_left() -> None:
    known = Redactor()
    known.know("abcdef", "abcdef-and-more")
    assert known.text("it is abcdef-and-more.") == "it is ***."


def test_a_login_that_is_not_ours_is_blanked_where_it_is_called_one() -> None:
    shown = Redactor().text("got Authorization: Basic dXNlcjpwYXNzd29yZDE= and Bearer eyJhbGciOi.x-y_z0123456789")
    assert shown == "got Authorization: Basic *** and Bearer ***"
    assert Redactor().text("the Basic plan has bearer channels") == "the Basic plan has bearer channels"


def test_a_key_of_ours_is_blanked_by_its_shape() -> None:
    key = new_key()
    assert Redactor().text(f"GET /x?key={key}, {key}") == "GET /x?key=trk_***, trk_***"
    assert Redactor().text(f"{key[:10]} is key_0dm2p8v1xk4t9r3q") == f"{key[:10]} is key_0dm2p8v1xk4t9r3q"
