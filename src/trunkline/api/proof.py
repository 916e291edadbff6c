"""How a webhook shows that it is Vapi's: by our secret, or by a signature where one is configured."""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import Sequence

from trunkline.domain.keys import HEAD
from trunkline.domain.scopes import Scope, scopes_of_secret
from trunkline.errors import Forbidden, PayloadTooLarge, TrunklineError, Unauthorized
from trunkline.setting_forms import HmacPlan
from trunkline.settings import Settings
from trunkline.workflows.services import WEBHOOK_PATH

OLDEST_SIGNATURE = 300.0
MILLISECONDS = 100_000_000_000
CARRYING = {b"x-vapi-secret", b"authorization"}
Headers = Sequence[tuple[bytes, bytes]]
PLACE = re.compile(rb"(\{(?:body|timestamp|method|url|svix-id)\})")

MAX_BODY = 1024 * 1024


def not_vapi() -> Unauthorized:
    return Unauthorized(
        "the secret is missing or wrong",
        hint="let Vapi send VAPI_SECRET_KEY as X-Vapi-Secret or as bearer token, or sign with VAPI_WEBHOOK_HMAC_SECRET",
    )


def no_key() -> Forbidden:
    return Forbidden(
        f"a key does not open the webhook: the scope {Scope.WEBHOOK} is X-Vapi-Secret's",
        hint="keys are not looked up while a call waits; let Vapi send VAPI_SECRET_KEY",
    )


def refusal(headers: Headers) -> TrunklineError:
    """What is told to who sent these and has not shown that he is Vapi."""
    sent = [secret_in(name, value) for name, value in headers if name in CARRYING]
    return no_key() if any(one.startswith(HEAD.encode()) for one in sent) else not_vapi()


def too_large() -> PayloadTooLarge:
    return PayloadTooLarge("the body has more than 1 MB", hint="Vapi's messages are smaller; check what calls this")


class Proof:
    """The secret comes as X-Vapi-Secret or as bearer token; the one before counts, too, while it is being changed. One
    that is not set or may not do this, or a header that came empty, proves nothing."""

    def __init__(self, settings: Settings) -> None:
        key, may = settings.vapi_webhook_hmac_secret, Scope.WEBHOOK in scopes_of_secret(settings.vapi_secret_scopes)
        self._secret, self._before = (
            secret.get_secret_value().encode() if secret and may else b""
            for secret in (settings.vapi_secret_key, settings.vapi_secret_key_previous)
        )
        url = (settings.public_backend_url or "") + WEBHOOK_PATH
        plan = settings.vapi_webhook_hmac_plan or HmacPlan()
        self._signature = Signature(plan, key.get_secret_value(), url) if key else None

    def by_secret(self, headers: Headers) -> bool:
        for name, value in headers:  # noqa: SIM110  (any() over a generator takes thrice the time, of every call)
            if name in CARRYING and self._is_ours(secret_in(name, value)):
                return True
        return False

    def _is_ours(self, given: bytes) -> bool:
        if not given:
            return False
        if self._secret and hmac.compare_digest(given, self._secret):
            return True
        return bool(self._before) and hmac.compare_digest(given, self._before)

    @property
    def may_be_signed(self) -> bool:
        return self._signature is not None

    def doubt(self, headers: Headers, body: bytes) -> str | None:
        """None for a webhook that is signed as it should be, else why it is not believed, without a secret."""
        if self._signature is None or not self._signature.is_in(headers):
            sent = any(secret_in(name, value) for name, value in headers if name in CARRYING)
            return "another secret was sent" if sent else "no secret was sent, and no signature that is configured"
        return self._signature.doubt(headers, body)


def secret_in(name: bytes, value: bytes) -> bytes:
    """What one of these two headers carries; nothing if it is of another scheme than bearer."""
    if name == b"x-vapi-secret":
        return value
    scheme, _, given = value.rpartition(b" ")
    return given if scheme.lower() in (b"bearer", b"") else b""


class Signature:
    """One form of HMAC, as the credential in Vapi has it; `url` is the webhook's own, of which it may be a part."""

    def __init__(self, plan: HmacPlan, secret: str, url: str) -> None:
        self._plan = plan
        self._key = plan.key(secret)
        self._header, self._time_header, self._id_header = (
            name.lower().encode() for name in (plan.signature_header, plan.timestamp_header, plan.message_id_header)
        )
        self._prefixes = [text.encode() for text in (plan.signature_prefix, f"{plan.algorithm}=") if text]
        self._parts = PLACE.split(plan.payload.encode())
        self._fixed = {b"{method}": b"POST", b"{url}": url.encode()}

    def is_in(self, headers: Headers) -> bool:
        return any(name == self._header and value for name, value in headers)

    def doubt(self, headers: Headers, body: bytes) -> str | None:
        """None if it is right and fresh. Whether Vapi's timestamp counts seconds or milliseconds is not documented."""
        sent = dict(headers)
        stamp, message_id = sent.get(self._time_header, b""), sent.get(self._id_header, b"")
        if self._plan.timed:
            if not stamp.isdigit() or len(stamp) > 14:
                return f"{self._plan.timestamp_header} is missing or is no time"
            said = int(stamp) / 1000 if int(stamp) >= MILLISECONDS else int(stamp)
            if abs(time.time() - said) > OLDEST_SIGNATURE:
                return f"{self._plan.timestamp_header} is not of these five minutes; compare the clocks"
        values = self._fixed | {b"{body}": body, b"{timestamp}": stamp, b"{svix-id}": message_id}
        payload = b"".join(values.get(part, part) for part in self._parts)
        expected = self._encoded(hmac.new(self._key, payload, self._plan.algorithm).digest())
        if not any(hmac.compare_digest(self._plain(given), expected) for given in sent[self._header].split()):
            return "the signature does not fit: another secret, or another form than VAPI_WEBHOOK_HMAC_PLAN says"
        return None

    def _encoded(self, digest: bytes) -> bytes:
        return base64.b64encode(digest) if self._plan.signature_encoding == "base64" else digest.hex().encode()

    def _plain(self, given: bytes) -> bytes:
        """One of the signatures that may stand there, of several secrets while they are changed."""
        for prefix in self._prefixes:
            given = given.removeprefix(prefix)
        return given if self._plan.signature_encoding == "base64" else given.lower()
