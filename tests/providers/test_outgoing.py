"""Somebody's own server: trusted by what this machine trusts, as the providers are, and in everybody's network."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import make_certificate
from tests.support.raw_server import raw_server
from trunkline.providers.outgoing import Outgoing, asked_to_wait, is_public
from trunkline.providers.trust import trusted
from trunkline.settings import load_settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """What a server shows that this machine is told to trust."""
    file, key = make_certificate(tmp_path)
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(file, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    trusted.cache_clear()
    yield shown
    trusted.cache_clear()


async def test_a_certificate_that_this_machine_is_told_to_trust_will_do(certificate: ssl.SSLContext) -> None:
    outgoing = Outgoing(load_settings(_env_file=None, endpoints_allow_private=True))
    async with raw_server(certificate) as server:
        server.answers(204)
        sent = await outgoing.post(server.url, b"{}", {})
    await outgoing.close()
    assert (sent.status, sent.error) == (204, None)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "192.0.0.192",
        "168.63.129.16",
        "fec0::1",
        "::10.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
        "ff0e::1",
    ],
)
def test_what_leads_into_a_private_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
)
def test_what_leads_to_everybody_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("header", ["Mon, 01 Jan 2026 00:00:00 +99999999999999999999", "tomorrow", ""])
def test_a_wait_that_cannot_be_read_is_none(header: str) -> None:
    assert asked_to_wait(header) is None
