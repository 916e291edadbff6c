"""The one way to somebody's own server: to public addresses only, following nobody elsewhere, within a bounded time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

import httpx2

from trunkline import __version__
from trunkline.domain.endpoints import KEPT_ANSWER, Sent
from trunkline.providers.trust import trusted
from trunkline.settings import Settings
from trunkline.texts import cleaned

SECONDS = 20.0
EVERYBODYS = IPv6Network("2000::/3")  # all that is given to anybody; the rest is one's own, or leads somewhere else
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are where it leads
OF_CLOUDS = (IPv4Network("192.0.0.0/24"), IPv4Network("168.63.129.16/32"))  # they answer their machines alone here


class PrivateAddress(Exception):
    """The name leads into a network that is not everybody's."""


class Outgoing:
    """Private addresses will do where ENDPOINTS_ALLOW_PRIVATE says so."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = httpx2.AsyncClient(
            verify=trusted(),
            timeout=SECONDS,
            follow_redirects=False,
            trust_env=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=50),
            headers={"User-Agent": f"trunkline/{__version__}"},
        )

    async def refuse_private(self, url: str) -> None:
        """PrivateAddress where the name leads there now. What cannot be resolved leads nowhere, yet."""
        parsed = httpx2.URL(url)
        try:
            await self._address(parsed.host, parsed.port or 443)
        except OSError:
            return

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        """Never raises: what goes wrong is told. The name is resolved once, and what was looked at is connected to."""
        try:
            async with asyncio.timeout(SECONDS):
                return await self._post(httpx2.URL(url), body, headers)
        except PrivateAddress as error:
            return Sent(error=str(error))
        except (TimeoutError, httpx2.TimeoutException):
            return Sent(error=f"no answer within {SECONDS:.0f} s")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            return Sent(error=cleaned(f"{type(error).__name__}: {error}")[:200])

    async def _post(self, url: httpx2.URL, body: bytes, headers: Mapping[str, str]) -> Sent:
        address = await self._address(url.host, url.port or (443 if url.scheme == "https" else 80))
        asked = self._client.stream(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={**headers, "Host": url.netloc.decode()},
            extensions={"sni_hostname": url.host},
        )
        async with asked as reply:
            begun = b""
            async for piece in reply.aiter_bytes():
                begun += piece
                if len(begun) >= KEPT_ANSWER:
                    break
            answer = begun[:KEPT_ANSWER].decode(errors="replace").replace("\0", "")
            return Sent(reply.status_code, answer, retry_after=asked_to_wait(reply.headers.get("retry-after")))

    async def _address(self, host: str, port: int) -> str:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        for address in addresses:
            if not self._settings.endpoints_allow_private and not is_public(address):
                raise PrivateAddress(f"{host} leads to a private address")
        return addresses[0]

    async def close(self) -> None:
        await self._client.aclose()


def is_public(address: str) -> bool:
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not parsed.is_multicast and not any(parsed in one for one in OF_CLOUDS)
    inner = parsed.ipv4_mapped or parsed.sixtofour or (IPv4Address(parsed.packed[-4:]) if parsed in NAT64 else None)
    return is_public(str(inner)) if inner else parsed.is_global and parsed in EVERYBODYS


def asked_to_wait(header: str | None) -> float | None:
    """Seconds, of a number of seconds or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
