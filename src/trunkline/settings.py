"""The only reader of the environment and of `.env`: typed settings, read once and passed down."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from trunkline.errors import SettingsError

CARRIER_NAMES = ("twilio", "telnyx", "vonage", "vapi", "byo")
List = Annotated[list[str], NoDecode]


class Strategy(StrEnum):
    REUSE_FIRST = "reuse_first"
    PURCHASE_FIRST = "purchase_first"


class TrialSharing(StrEnum):
    NEWEST = "newest"
    KEEP = "keep"
    OFF = "off"


class Routing(StrEnum):
    ASSISTANT = "assistant"
    SERVER = "server"


class Settings(BaseSettings):
    """Every setting, by its environment name in lower case. No secret has a default."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True)

    vapi_api_key: SecretStr | None = Field(None, description="Vapi's private key")
    vapi_secret_key: SecretStr | None = Field(None, description="the X-Vapi-Secret that callers and webhooks send")
    vapi_base_url: str = Field("https://api.vapi.ai", description="https://api.eu.vapi.ai for EU organisations")
    vapi_assistant_id: str | None = Field(None, description="the shared assistant, by id")
    vapi_assistant_name: str = Field("Restaurant Voice Assistant", description="the shared assistant, by name")
    vapi_routing: Routing = Field(Routing.ASSISTANT, description="assistant, or server: each call asks us")
    vapi_webhook_credential_id: str | None = Field(
        None, description="the webhook's credential in Vapi, if made by hand"
    )
    public_backend_url: str | None = Field(None, description="https address at which Vapi reaches this server")
    vapi_webhook_hmac_secret: SecretStr | None = Field(
        None, description="the secret of an HMAC credential in Vapi, where webhooks come signed instead"
    )
    unmapped_message: str = Field(
        "We are sorry, this number is not in service.", description="what a caller hears where no restaurant answers"
    )
    unmapped_destination: str | None = Field(None, description="E.164 number that gets such calls instead")
    call_completion_minutes: float = Field(
        30.0, gt=0, description="after which Vapi is asked about a call whose end was not reported"
    )
    tools_webhook_url: str | None = Field(None, description="where tool calls that Trunkline does not answer are sent")
    tools_webhook_secret: SecretStr | None = Field(None, description="signs the restaurant in what is sent there")
    tools_timeout_seconds: float = Field(15.0, gt=0, description="how long a tool's answer is waited for")

    twilio_account_sid: str | None = Field(None, description="Twilio account")
    twilio_auth_token: SecretStr | None = Field(None, description="its auth token, or the next two instead")
    twilio_api_key: str | None = Field(None, description="SK..., with twilio_api_secret")
    twilio_api_secret: SecretStr | None = Field(None, description="secret of the API key")
    twilio_base_url: str = Field("https://api.twilio.com", description="where Twilio's API answers")
    twilio_pricing_base_url: str = Field("https://pricing.twilio.com", description="where Twilio's prices are")
    twilio_sms_enabled: bool = Field(False, description="let Vapi take over the number's incoming SMS")
    twilio_address_sid: Annotated[dict[str, str], NoDecode] = Field(
        {}, description="AD... for all countries, or GB=AD...,FR=AD..."
    )
    twilio_bundle_sid: Annotated[dict[str, str], NoDecode] = Field(
        {}, description="BU... for all countries, or GB=BU...,FR=BU..."
    )

    telnyx_api_key: SecretStr | None = Field(None, description="Telnyx API key")
    telnyx_base_url: str = Field("https://api.telnyx.com/v2", description="where Telnyx's API answers")
    telnyx_requirement_group_id: Annotated[dict[str, str], NoDecode] = Field(
        {}, description="one id for all countries, or GB=...,FR=..."
    )
    telnyx_vapi_credential_id: str | None = Field(None, description="the Telnyx credential in Vapi, if made by hand")

    vonage_api_key: str | None = Field(None, description="Vonage API key")
    vonage_api_secret: SecretStr | None = Field(None, description="its secret")
    vonage_vapi_credential_id: str | None = Field(None, description="the Vonage credential in Vapi, if made by hand")
    vonage_base_url: str = Field("https://rest.nexmo.com", description="where Vonage's API answers")

    byo_numbers: List = Field([], description="E.164 numbers on your own SIP trunk, comma-separated")
    byo_gateway_ips: List = Field([], description="IPv4 addresses of the trunk's gateways, comma-separated")
    byo_vapi_credential_id: str | None = Field(None, description="the byo-sip-trunk credential, if made by hand")

    carriers: List = Field(["twilio"], description="carriers to try, in order: " + ", ".join(CARRIER_NAMES))
    default_country: str = Field("US", description="country of a purchase that names none")
    number_strategy: Strategy = Field(Strategy.REUSE_FIRST, description="reuse_first or purchase_first")
    trial_sharing: TrialSharing = Field(TrialSharing.NEWEST, description="newest, keep or off")
    max_monthly_price: Decimal | None = Field(None, description="dearest number that may be bought, a month")
    assign_wait_seconds: float = Field(20.0, ge=0, description="how long POST /api/restaurants waits for the flow")
    number_cooldown_hours: float = Field(168.0, ge=0, description="quarantine of a number that was given up")

    provider_requests_per_second: float = Field(20.0, ge=1, description="requests a second to one provider account")
    provider_concurrency: int = Field(10, ge=1, description="requests at once to one provider account")
    provider_timeout_seconds: float = Field(20.0, gt=0, description="how long a provider's answer is waited for")
    retry_for_seconds: float = Field(60.0, ge=0, description="how long a step is retried before the assignment fails")
    listing_lag_seconds: float = Field(15.0, ge=0, description="how long a carrier's listing may lag after a purchase")
    activation_seconds: float = Field(180.0, ge=0, description="how long a new number may take to become active")

    database_url: str = Field("sqlite:///trunkline.sqlite", description="sqlite:///FILE or postgresql://...")
    takeover_seconds: float = Field(30.0, ge=2, description="after which a silent process's work is taken over")
    shutdown_seconds: float = Field(5.0, ge=0, description="how long SIGTERM lets running assignments finish")
    log_level: str = Field("info", description="debug, info, warning or error")
    log_format: str = Field("json", description="json or console")

    trunkline_url: str = Field("http://localhost:8000", description="where the command line finds the server")
    trunkline_secret: SecretStr | None = Field(
        None, description="the server's VAPI_SECRET_KEY, where the command line has another"
    )

    @field_validator("carriers", "byo_numbers", "byo_gateway_ips", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("twilio_address_sid", "twilio_bundle_sid", "telnyx_requirement_group_id", mode="before")
    @classmethod
    def _by_country(cls, value: Any) -> Any:
        """`X` means X for every country, kept under "*"."""
        if not isinstance(value, str):
            return value
        pairs = [part.strip().rpartition("=") for part in value.split(",") if part.strip()]
        return {country.strip().upper() or "*": item.strip() for country, _, item in pairs}

    @field_validator("carriers")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        if unknown := [name for name in value if name not in CARRIER_NAMES]:
            raise ValueError(f"unknown carrier {unknown[0]!r}; known are {', '.join(CARRIER_NAMES)}")
        return value

    @field_validator("unmapped_destination")
    @classmethod
    def _e164(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\+[1-9]\d{6,14}", value):
            raise ValueError("must be an E.164 number like +14155550123")
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value

    def secrets(self) -> list[str]:
        """The value of every secret, for the redaction of logs only."""
        return [v.get_secret_value() for v in dict(self).values() if isinstance(v, SecretStr)]

    @property
    def embedded(self) -> bool:
        """Whether the database is an SQLite file, which allows one process only."""
        return self.database_url.startswith("sqlite")


def by_country(values: dict[str, str], country: str) -> str | None:
    """The configured value for a country, or the one for all countries."""
    return values.get(country) or values.get("*")


def load_settings(**overrides: Any) -> Settings:
    """The settings from the environment; SettingsError says which one is unusable and why, without its value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"unusable settings: {problems}") from None
