"""What answers in a provider's place: proxies, firewalls, portals, other hosts, and untrusted certificates."""

from __future__ import annotations

import re
import ssl
from typing import Any, TypeGuard
from urllib.parse import urlsplit

import httpx2

from trunkline.errors import Intercepted
from trunkline.texts import one_line

TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
LONGEST = 100
# A proxy or a portal wants a login: the request has not been passed on.
NOT_PASSED_ON = (407, 511)


def answered_by_another(provider: str, status: int, words: str, location: str | None) -> Intercepted:
    """The answer is not the provider's own: it is no refusal of it, and says nothing about what the provider holds.
    `words` are what it says to a person."""
    hint = (
        f"look for a proxy, firewall or portal between this machine and {provider}, and at the address that the "
        f"settings give for {provider}"
    )
    if status in NOT_PASSED_ON:
        return _error(f"a proxy before {provider} wants a login ({status})", hint)
    if 300 <= status < 400:
        host = one_line(urlsplit(location or "").hostname or "nowhere")
        detail = f"instead of {provider}'s answer came a redirect to {host} ({status}), which is not followed"
        return _error(detail, hint)
    what = f"something between us and {provider} answered {status}"
    return _error(f"{what}: {words}" if words else what, hint)


def is_page(body: Any) -> TypeGuard[str]:
    """Whether a body is HTML or the like, which no provider's API answers."""
    return isinstance(body, str) and body.lstrip()[:1] == "<"


def title_of(page: str) -> str:
    title = TITLE.search(page)
    return one_line(title[1]).strip() if title else ""


def untrusted(provider: str, error: Exception) -> Intercepted | None:
    """For a connection that failed on the other side's certificate."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _error(
                f"the certificate that answers for {provider} is not trusted: {cause.verify_message}",
                f"look for a proxy that inspects TLS between this machine and {provider} and have it leave {provider} "
                "out, or make its certificate known (SSL_CERT_FILE); a wrong clock or an old list of certificates on "
                "this machine do the same",
            )
        cause = cause.__cause__ or cause.__context__
    return None


def proxy_wants_login(provider: str, error: Exception) -> Intercepted | None:
    """For a proxy that did not open a connection."""
    if not isinstance(error, httpx2.ProxyError) or not re.search(r"\b(403|407)\b", str(error)):
        return None
    return _error(
        f"the proxy before {provider} refuses to connect us: {one_line(str(error))[:LONGEST]}",
        f"have the proxy that HTTPS_PROXY names let us reach {provider}, with its login where it wants one",
    )


def _error(detail: str, hint: str) -> Intercepted:
    return Intercepted(detail, hint=hint, account_wide=True)
