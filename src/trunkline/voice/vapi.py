"""Vapi as the voice platform: phone numbers, the shared assistant, and the carriers' credentials."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import SecretStr

from trunkline.carriers.base import ImportSource
from trunkline.domain.calls import CallReport
from trunkline.domain.numbers import E164
from trunkline.errors import (
    ActionRequired,
    AlreadyThere,
    Intercepted,
    Missing,
    OutcomeUnknown,
    ProviderError,
    Rejected,
    RetryLater,
    Role,
    SettingsError,
)
from trunkline.logs import REDACTOR
from trunkline.memo import Memo
from trunkline.providers.account import Account
from trunkline.providers.vapi import WRONG_KEY, VapiClient, number_of, server_of, text_of
from trunkline.settings import Settings
from trunkline.voice.base import Assistant, Target, VoiceNumber
from trunkline.voice.vapi_assistant import assistant_fields, assistant_of
from trunkline.voice.vapi_by_hand import by_hand
from trunkline.voice.vapi_calls import report_of_call

LONGEST_NAME = 40
CREDENTIALS = {"twilio": "twilio", "telnyx": "telnyx", "vonage": "vonage", "byo-phone-number": "byo-sip-trunk"}
WEBHOOK_KIND = "custom-credential"
# What Vapi makes of its own in the account that a credential opens.
APPLICATION_IDS = {"telnyx": "telnyxApplicationId", "vonage": "vonageApplicationId"}
# Twilio's import takes the account's own keys, and nothing refers to a credential.
CARRIES_KEYS = "twilio"
MAKE_ASSISTANT = "run: trunkline setup-vapi, or set VAPI_ASSISTANT_ID or VAPI_ASSISTANT_NAME"
T = TypeVar("T")
# The shared assistant may be deleted and made anew: for so many seconds its id is believed unasked.
ASSISTANT_AGAIN = 60.0
APPLICATIONS_AGAIN = 30.0


class VapiPlatform:
    """One organisation at Vapi. Its private key decides which.

    Only known fields of Vapi's rows are read: a row may hold the carrier's secrets in clear, and those never get
    further than the reply.
    """

    def __init__(self, settings: Settings, account: Account | None = None) -> None:
        self._assistant_id, self._assistant_name = settings.vapi_assistant_id, settings.vapi_assistant_name
        self._webhook_secret = settings.vapi_secret_key
        self._webhook_credential_id = settings.vapi_webhook_credential_id
        self._api = VapiClient(settings, Role.VOICE, account)
        self._assistant: Memo[str] = Memo(lambda found: ASSISTANT_AGAIN)
        self._credentials: Memo[str | None] = Memo()
        self._applications: Memo[frozenset[str] | None] = Memo(lambda found: APPLICATIONS_AGAIN)
        self._webhook: Memo[str] = Memo()

    @classmethod
    def configured(cls, settings: Settings) -> bool:
        return settings.vapi_api_key is not None

    @property
    def clock_skew(self) -> float | None:
        return self._api.account.clock_skew

    async def numbers(self) -> list[VoiceNumber]:
        return [voice_number(row) async for row in self._api.numbers("numbers")]

    async def find(self, number: E164) -> VoiceNumber | None:
        async for voice in self._found(number):
            return voice
        return None

    async def records(self, number: E164) -> list[VoiceNumber]:
        return [voice async for voice in self._found(number)]

    async def get(self, voice_id: str) -> VoiceNumber:
        return voice_number(await self._api.row("get", f"/phone-number/{quote(voice_id, safe='')}"))

    async def import_number(
        self, number: E164, source: ImportSource, credential_id: str | None, target: Target, name: str
    ) -> VoiceNumber:
        """Vapi's own numbers are in Vapi from the start: they are found and connected, never imported."""
        if source.provider == "vapi":
            raise self._api.named(AlreadyThere(f"Vapi has {number} of its own"), "import")
        body: dict[str, Any] = {"provider": source.provider, "number": number, "name": name[:LONGEST_NAME]}
        body |= {"smsEnabled": source.sms_enabled} if source.provider == CARRIES_KEYS else {}
        body |= keys_fields(source, credential_id) | target_fields(target)
        row = await self._changing(self._api.create("import", "/phone-number", body))
        if row.get("number") != number:
            raise self._api.named(OutcomeUnknown("Vapi's reply names another number"), "import")
        return voice_number(row)

    async def connect(self, voice: VoiceNumber, target: Target | None, name: str | None = None) -> VoiceNumber:
        """The number's provider stands in the body, as Vapi asks. A fixed assistant would keep calls from our server,
        so that one clears it; a server URL beside an assistant does no harm and stays. A null clears a field; as only
        the one of assistantId is documented, the row that comes back is compared with what was wanted."""
        body: dict[str, Any] = {"provider": voice.provider, "assistantId": None}
        if target is None:
            body["server"] = None
        else:
            body |= target_fields(target)
        if name is not None:
            body["name"] = name[:LONGEST_NAME]
        now = voice_number(await self._changed("connect", f"/phone-number/{quote(voice.id, safe='')}", body))
        detached = (now.assistant_id, now.server_url) == (None, None)
        if not (detached if target is None else now.answered_by(target)):
            unchanged = RetryLater(f"Vapi has not changed what answers {voice.number or voice.id}")
            raise self._api.named(unchanged, "connect")
        return now

    async def renew(self, voice: VoiceNumber, source: ImportSource, credential_id: str | None) -> VoiceNumber:
        """A Twilio number has the keys itself; any other names a credential that has them."""
        named = source.credential_id or credential_id
        if source.provider != CARRIES_KEYS and named:
            keys = {"provider": source.provider, **plain(source.secrets)}
            await self._changed("renew_credential", f"/credential/{quote(named, safe='')}", keys)
        body = {"provider": voice.provider, **keys_fields(source, credential_id)}
        return voice_number(await self._changed("renew", f"/phone-number/{quote(voice.id, safe='')}", body))

    async def remove(self, voice_id: str) -> None:
        try:
            await self._api.request("remove", "DELETE", f"/phone-number/{quote(voice_id, safe='')}")
        except Missing:
            return

    async def account(self) -> str:
        return await self._api.organisation()

    async def shared_assistant(self, fresh: bool = False) -> str:
        if fresh:
            self._assistant.forget()
        return await self._assistant.get("shared", self._ask_assistant)

    async def credential(self, source: ImportSource) -> str | None:
        """Twilio's is optional: where Vapi refuses it, the import goes on without. A wrong key of ours is told even
        then, before any money is spent on a number that could not be imported."""
        if source.credential_id or source.provider not in CREDENTIALS:
            return source.credential_id
        return await self._credentials.get((source.provider, source.account), lambda: self._ask_credential(source))

    async def applications(self) -> frozenset[str] | None:
        return await self._applications.get("all", self._ask_applications)

    async def webhook_credential(self) -> str:
        """Its name ends in a fingerprint of the secret: another secret means another credential, so that an
        installation with its own secret is left alone, and numbers that still send an old secret can be told."""
        return self._webhook_credential_id or await self._webhook.get("webhook", self._make_webhook_credential)

    async def find_webhook_credential(self) -> str | None:
        return self._webhook_credential_id or await self._ask_webhook_credential(create=False)

    async def assistant(self) -> Assistant | None:
        row = await self._find_assistant()
        return assistant_of(row) if row is not None else None

    async def living_assistant(self, known: str | None) -> str | None:
        if self._assistant_id:
            row = await self._assistant_by_id(self._assistant_id)
            return str(row["id"]) if row is not None else None
        rows = await self._assistants()
        named = self._by_name(rows)
        if named is None and any(row["id"] == known for row in rows):
            return known
        return str(named["id"]) if named is not None else None

    async def save_assistant(self, wish: Assistant) -> Assistant:
        """PATCH replaces `server` as a whole, so nothing of another server's (its headers) stays beside our address."""
        if wish.id is None:
            row = await self._api.create("create_assistant", "/assistant", assistant_fields(wish))
        else:
            row = await self._changed("assistant", f"/assistant/{wish.id}", assistant_fields(wish))
        self._assistant.forget()
        return assistant_of(row)

    async def call(self, call_id: str) -> CallReport:
        report = report_of_call(await self._api.row("call", f"/call/{quote(call_id, safe='')}"))
        if report is None or report.id != call_id:
            raise self._api.unreadable("call")
        return report

    async def close(self) -> None:
        await self._api.close()

    async def _found(self, number: E164) -> AsyncIterator[VoiceNumber]:
        """Vapi's search is partial and looks at names, too, so each answer is compared exactly."""
        async for row in self._api.numbers("find", search=number):
            if row.get("number") == number:
                yield voice_number(row)

    async def _changed(self, operation: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = await self._changing(self._api.request(operation, "PATCH", path, json=body))
        return self._api.record(operation, reply)

    async def _changing(self, change: Awaitable[T]) -> T:
        """A change that names the assistant or a credential. If Vapi refuses it, what we remember of those may be
        gone, so the next use asks again."""
        try:
            return await change
        except AlreadyThere:
            raise
        except Rejected:
            self._assistant.forget()
            self._credentials.forget()
            self._webhook.forget()
            raise

    async def _ask_assistant(self) -> str:
        row = await self._find_assistant()
        if row is None:
            raise self._no_assistant(f"named {self._assistant_name!r}", MAKE_ASSISTANT)
        return str(row["id"])

    async def _find_assistant(self) -> dict[str, Any] | None:
        if not self._assistant_id:
            return self._by_name(await self._assistants())
        row = await self._assistant_by_id(self._assistant_id)
        if row is None:
            raise self._no_assistant("that VAPI_ASSISTANT_ID names", "set it to the id of an assistant")
        return row

    async def _assistant_by_id(self, assistant_id: str) -> dict[str, Any] | None:
        try:
            return await self._api.row("assistant", f"/assistant/{quote(assistant_id, safe='')}")
        except Rejected:
            return None

    async def _assistants(self) -> list[dict[str, Any]]:
        return await self._api.records("assistant", "/assistant")

    def _by_name(self, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
        return next((row for row in rows if row.get("name") == self._assistant_name), None)

    async def _ask_credential(self, source: ImportSource) -> str | None:
        kind, label = CREDENTIALS[source.provider], f"trunkline {source.account}"[:LONGEST_NAME]
        # Vapi names Twilio's secrets with a prefix on numbers and without it on credentials.
        secrets = {re.sub(r"^twilio(.)", lambda m: m[1].lower(), k): v for k, v in plain(source.secrets).items()}
        body = {"provider": kind, "name": label, **source.details, **secrets}
        if kind == "twilio":
            body["accountSid"] = source.account

        def ours(row: dict[str, Any]) -> bool:
            return source.account in (row.get("accountSid"), row.get("apiKey")) or row.get("name") == label

        try:
            return await self._find_credential(body, ours) or await self._make_credential(body)
        except (Rejected, ActionRequired) as error:
            if says_nothing_of_credentials(error):
                raise
            if source.provider == CARRIES_KEYS:
                return None
            raise self._api.named(by_hand(kind, error), "credential") from None

    async def _ask_applications(self) -> frozenset[str] | None:
        try:
            rows = await self._api.records("credential", "/credential")
        except (Rejected, ActionRequired) as error:
            if says_nothing_of_credentials(error):
                raise
            return None
        ids = [
            str(row.get(APPLICATION_IDS[kind]) or "")
            for row in rows
            if (kind := row.get("provider")) in APPLICATION_IDS
        ]
        return frozenset(ids) if all(ids) else None

    async def _make_webhook_credential(self) -> str:
        found = await self._ask_webhook_credential(create=True)
        assert found is not None
        return found

    async def _ask_webhook_credential(self, create: bool) -> str | None:
        if self._webhook_secret is None:
            raise SettingsError("VAPI_SECRET_KEY is not set", hint="set it to the secret that webhooks are to send")
        token = plain({"token": self._webhook_secret})["token"]
        label = f"trunkline webhook {hmac.new(token.encode(), b'trunkline webhook', hashlib.sha256).hexdigest()[:12]}"
        plan = {"type": "bearer", "token": token, "headerName": "X-Vapi-Secret", "bearerPrefixEnabled": False}
        body = {"provider": WEBHOOK_KIND, "name": label, "authenticationPlan": plan}
        try:
            found = await self._find_credential(body, lambda row: row.get("name") == label)
            return found or (await self._make_credential(body) if create else None)
        except (Rejected, ActionRequired) as error:
            if says_nothing_of_credentials(error):
                raise
            raise self._api.named(by_hand(WEBHOOK_KIND, error), "credential") from None

    async def _find_credential(self, wanted: dict[str, Any], ours: Callable[[dict[str, Any]], bool]) -> str | None:
        for row in await self._api.records("credential", "/credential"):
            if row.get("provider") == wanted["provider"] and ours(row):
                return str(row["id"])
        return None

    async def _make_credential(self, body: dict[str, Any]) -> str:
        try:
            made = await self._api.create("credential", "/credential", body)
        except OutcomeUnknown as error:
            # Asked again, the list shows whether the lost request made one.
            raise self._api.named(RetryLater(error.detail), "credential") from None
        self._applications.forget()
        return str(made["id"])

    def _no_assistant(self, which: str, hint: str) -> ActionRequired:
        return self._api.named(ActionRequired(f"Vapi has no assistant {which}", hint=hint), "assistant")


def says_nothing_of_credentials(error: ProviderError) -> bool:
    """A wrong key of ours, or an answer that is not Vapi's: nobody can make a credential by hand to mend that."""
    return error.vendor_code == WRONG_KEY or isinstance(error, Intercepted)


def keys_fields(source: ImportSource, credential_id: str | None) -> dict[str, Any]:
    """What opens the carrier's account to Vapi: Twilio's own keys, else the credential that holds them."""
    if source.provider == CARRIES_KEYS:
        return {"twilioAccountSid": source.account} | plain(source.secrets)
    return {"credentialId": source.credential_id or credential_id}


def target_fields(target: Target) -> dict[str, Any]:
    if target.server_url is None:
        return {"assistantId": target.assistant_id}
    server = {"url": target.server_url, "credentialId": target.server_credential_id}
    return {"server": {key: value for key, value in server.items() if value is not None}}


def voice_number(row: dict[str, Any]) -> VoiceNumber:
    """A row without anything that could be secret. A row without status dates from before Vapi had one."""
    number, (server_url, server_credential_id) = number_of(row), server_of(row)
    return VoiceNumber(
        id=str(row["id"]),
        provider=str(row.get("provider")),
        number=E164(number) if number else None,
        status=str(row.get("status") or "active"),
        name=text_of(row, "name"),
        assistant_id=text_of(row, "assistantId"),
        server_url=server_url,
        server_credential_id=server_credential_id,
        other_target=bool(row.get("squadId") or row.get("workflowId")),
    )


def plain(secrets: dict[str, SecretStr]) -> dict[str, str]:
    """The secrets in clear, for a request's body; from now on they are blanked in every log line and error."""
    values = {name: secret.get_secret_value() for name, secret in secrets.items()}
    REDACTOR.know(*values.values())
    return values
