"""The official vonage SDK drives the sandbox over TLS, and what it gets is what Vonage's document promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vonage import Auth, HttpClientOptions, Vonage
from vonage_application import ApplicationConfig
from vonage_http_client.errors import AuthenticationError, HttpRequestError, RateLimitedError
from vonage_numbers import (
    ListOwnedNumbersFilter,
    NumberFeatures,
    NumberParams,
    NumbersError,
    SearchAvailableNumbersFilter,
    UpdateNumberParams,
)

from tests.sandbox.vonage_client import stock, switch
from tests.support.certificates import make_certificate
from tests.support.sandbox_server import SandboxServer
from tests.support.specs import Recorder, load, present
from trunkline.sandbox.vonage import DEFAULT_ACCOUNT, DEFAULT_SECRET

DOCUMENT = "vonage-numbers.yml"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The SDK speaks https only."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(certificate: tuple[Path, Path]) -> Iterator[SandboxServer]:
    with SandboxServer(ssl_certfile=str(certificate[0]), ssl_keyfile=str(certificate[1])) as running:
        yield running


@pytest.fixture
def secure(server: SandboxServer, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> SandboxServer:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    server.reset()
    return server


def as_live(document: dict[str, Any]) -> None:
    """Keys that live answers carry and the document of 2020 lacks."""
    schemas = document["components"]["schemas"]
    schemas["availablenumber"]["properties"]["initialPrice"] = {"type": "string"}
    schemas["ownednumber"]["properties"]["app_id"] = {"type": "string"}


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    """Checks every successful answer where the document is present, with no key that it does not name."""
    return Recorder(load(DOCUMENT, closed=True, patch=as_live)) if present(DOCUMENT) else Recorder()


def sdk_of(sandbox: SandboxServer, recorder: Recorder | None = None, secret: str = DEFAULT_SECRET) -> Vonage:
    options = HttpClientOptions(api_host=sandbox.host, rest_host=sandbox.host, timeout=60, max_retries=0)
    sdk = Vonage(Auth(api_key=DEFAULT_ACCOUNT, api_secret=secret), options)
    if recorder is not None:
        sdk.http_client._session.hooks["response"].append(recorder)
    return sdk


@pytest.fixture
def sdk(secure: SandboxServer, recorder: Recorder) -> Vonage:
    return sdk_of(secure, recorder)


def offered(sdk: Vonage, **wanted: Any) -> list[str]:
    found, _, _ = sdk.numbers.search_available_numbers(SearchAvailableNumbersFilter(country="US", **wanted))
    return [number.msisdn for number in found]


def params(msisdn: str) -> NumberParams:
    return NumberParams(country="US", msisdn=msisdn)


def test_search_in_pages(sdk: Vonage) -> None:
    wanted = {"country": "US", "pattern": "1415", "search_pattern": 0, "features": NumberFeatures.VOICE, "size": 15}
    index: int | None = 1
    seen: list[str] = []
    while index is not None:
        page, count, index = sdk.numbers.search_available_numbers(
            SearchAvailableNumbersFilter(**wanted, index=index, type="mobile-lvn")
        )
        assert count == 40
        seen += [number.msisdn for number in page]
    assert len(set(seen)) == 40
    assert page[0].cost == "0.90"


def test_nothing_found_and_nothing_owned(sdk: Vonage) -> None:
    assert offered(sdk, pattern="1999", search_pattern=0) == []
    assert offered(sdk, features=NumberFeatures.SMS_VOICE_MMS) == []  # an order that the document does not list
    assert sdk.numbers.list_owned_numbers() == ([], 0, None)


def test_the_whole_life_of_a_number(sdk: Vonage) -> None:
    msisdn = offered(sdk, size=1)[0]
    assert sdk.numbers.buy_number(params(msisdn)).error_code == "200"
    update = UpdateNumberParams(
        country="US", msisdn=msisdn, app_id="app-1", voice_callback_type="sip", voice_callback_value="sip:a@example.com"
    )
    assert sdk.numbers.update_number(update).error_code_label == "success"
    (number,), count, _ = sdk.numbers.list_owned_numbers(ListOwnedNumbersFilter(pattern=msisdn, search_pattern=1))
    assert (number.msisdn, number.app_id, number.voice_callback_type, count) == (msisdn, "app-1", "sip", 1)
    assert sdk.numbers.list_owned_numbers(ListOwnedNumbersFilter(has_application=False)) == ([], 0, None)
    sdk.numbers.update_number(UpdateNumberParams(country="US", msisdn=msisdn))
    (number,), _, _ = sdk.numbers.list_owned_numbers(ListOwnedNumbersFilter(has_application=False, country="US"))
    assert number.voice_callback_type is None
    assert sdk.numbers.cancel_number(params(msisdn)).error_code == "200"
    with pytest.raises(HttpRequestError, match="method failed"):
        sdk.numbers.cancel_number(params(msisdn))


def test_owned_numbers_in_pages(secure: SandboxServer, sdk: Vonage) -> None:
    stock(secure, *(f"+1929555{i:04}" for i in range(120)), account=DEFAULT_ACCOUNT)
    first, count, following = sdk.numbers.list_owned_numbers()
    assert (len(first), count, following) == (100, 120, 2)
    rest, _, following = sdk.numbers.list_owned_numbers(ListOwnedNumbersFilter(index=2))
    assert (len(rest), following) == (20, None)


def test_refusals_are_the_sdks_own_errors(secure: SandboxServer, sdk: Vonage) -> None:
    with pytest.raises(HttpRequestError, match="method failed"):
        sdk.numbers.buy_number(params("14159999999"))
    switch(secure, error_in_200=True)
    with pytest.raises(NumbersError, match="420 method failed"):
        sdk.numbers.buy_number(params("14159999999"))
    with pytest.raises(AuthenticationError, match="authentication failed"):
        sdk_of(secure, secret="wrong").numbers.list_owned_numbers()
    secure.fault(provider="vonage", operation="number.buy", status=429, times=1)
    with pytest.raises(RateLimitedError):
        sdk.numbers.buy_number(params("14155554001"))


def test_balance_and_application(secure: SandboxServer) -> None:
    sdk = sdk_of(secure)
    assert sdk.account.get_balance().value == 100.0
    made = sdk.application.create_application(ApplicationConfig(name="vapi"))
    assert made.keys is not None
    assert made.keys.private_key
    assert sdk.application.get_application(made.id).name == "vapi"


def test_a_form_that_is_labelled_json_is_refused(secure: SandboxServer) -> None:
    """The SDK keeps the content type of an earlier JSON call."""
    sdk = sdk_of(secure)
    sdk.application.create_application(ApplicationConfig(name="vapi"))
    with pytest.raises(HttpRequestError, match="Is required"):
        sdk.numbers.buy_number(params("14155554001"))
    assert secure.held("vonage") == []


def test_a_dropped_connection_makes_the_sdk_buy_again(secure: SandboxServer, sdk: Vonage) -> None:
    secure.fault(provider="vonage", operation="number.buy", kind="drop", when="after", times=1)
    with pytest.raises(HttpRequestError, match="method failed"):
        sdk.numbers.buy_number(params("14155554001"))
    assert len(secure.requests(operation="number.buy")) == 2
    assert len(secure.held("vonage")) == 1


def test_every_operation_of_the_document_was_checked(recorder: Recorder) -> None:
    if not recorder.seen and present(DOCUMENT):
        pytest.skip("the tests that drive the SDK were not selected")
    assert recorder.seen == load(DOCUMENT, closed=True, patch=as_live).operations()
