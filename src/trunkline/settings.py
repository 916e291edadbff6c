"""The only reader of the environment and of `.env`: typed settings, read once and passed down."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from trunkline.errors import SettingsError
from trunkline.setting_forms import (
    BaseUrl,
    ByCountry,
    Country,
    DatabaseUrl,
    FullUrl,
    Id,
    Names,
    Number,
    Prefix,
    Price,
    PublicUrl,
    Rates,
    Seconds,
    Secret,
    WebhookPlan,
    Words,
)

CARRIER_NAMES = ("twilio", "telnyx", "vonage", "vapi", "byo")
PREFIXES = ("VAPI_", "TWILIO_", "TELNYX_", "VONAGE_", "BYO_", "PROVIDER_", "TRUNKLINE_")  # of our settings' names
OTHERS_IN_ENV = {"POSTGRES_PASSWORD"}  # docker-compose's


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


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class Settings(BaseSettings):
    """Every setting, by its environment name in lower case. No secret has a default."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", extra="ignore", env_ignore_empty=True, allow_inf_nan=False
    )

    vapi_api_key: Secret | None = Field(None, description="Vapi's private key")
    vapi_secret_key: Secret | None = Field(None, description="the X-Vapi-Secret that callers and webhooks send")
    vapi_secret_key_previous: Secret | None = Field(
        None, description="the X-Vapi-Secret before, which counts too while it is being changed"
    )
    vapi_secret_scopes: Names = Field(
        ["all"], description="what X-Vapi-Secret may do: all, or scopes like webhook, comma-separated"
    )
    vapi_base_url: BaseUrl = Field("https://api.vapi.ai", description="https://api.eu.vapi.ai for EU organisations")
    vapi_assistant_id: Id | None = Field(None, description="the shared assistant, by id")
    vapi_assistant_name: Words = Field("Restaurant Voice Assistant", description="the shared assistant, by name")
    vapi_routing: Routing = Field(Routing.ASSISTANT, description="assistant, or server: each call asks us")
    vapi_webhook_credential_id: Id | None = Field(None, description="the webhook's credential in Vapi, if made by hand")
    public_backend_url: PublicUrl | None = Field(None, description="https address at which Vapi reaches this server")
    root_path: Prefix | None = Field(
        None, description="path before all paths, of a proxy; else that of public_backend_url"
    )
    vapi_webhook_hmac_secret: Secret | None = Field(
        None, description="the secret of an HMAC credential in Vapi, where webhooks come signed instead"
    )
    vapi_webhook_hmac_plan: WebhookPlan = Field(
        None, description="what of that credential differs from Vapi's defaults, as JSON in Vapi's field names"
    )
    unmapped_message: Words = Field(
        "We are sorry, this number is not in service.", description="what a caller hears where no restaurant answers"
    )
    unmapped_destination: Number | None = Field(None, description="E.164 number that gets such calls instead")
    call_completion_minutes: float = Field(
        30.0, gt=0, le=10_080, description="after which Vapi is asked about a call whose end was not reported"
    )
    tools_webhook_url: FullUrl | None = Field(
        None, description="where tool calls that Trunkline does not answer are sent"
    )
    tools_webhook_secret: Secret | None = Field(None, description="signs the restaurant in what is sent there")
    tools_timeout_seconds: Seconds = Field(15.0, gt=0, description="how long a tool's answer is waited for")

    twilio_account_sid: Id | None = Field(None, description="Twilio account")
    twilio_auth_token: Secret | None = Field(None, description="its auth token, or the next two instead")
    twilio_api_key: Id | None = Field(None, description="SK..., with twilio_api_secret")
    twilio_api_secret: Secret | None = Field(None, description="secret of the API key")
    twilio_base_url: BaseUrl = Field("https://api.twilio.com", description="where Twilio's API answers")
    twilio_pricing_base_url: BaseUrl = Field("https://pricing.twilio.com", description="where Twilio's prices are")
    twilio_sms_enabled: bool = Field(False, description="let Vapi take over the number's incoming SMS")
    twilio_address_sid: ByCountry = Field({}, description="AD... for all countries, or GB=AD...,FR=AD...")
    twilio_bundle_sid: ByCountry = Field({}, description="BU... for all countries, or GB=BU...,FR=BU...")

    telnyx_api_key: Secret | None = Field(None, description="Telnyx API key")
    telnyx_base_url: BaseUrl = Field("https://api.telnyx.com/v2", description="where Telnyx's API answers")
    telnyx_requirement_group_id: ByCountry = Field({}, description="one id for all countries, or GB=...,FR=...")
    telnyx_vapi_credential_id: Id | None = Field(None, description="the Telnyx credential in Vapi, if made by hand")

    vonage_api_key: Id | None = Field(None, description="Vonage API key")
    vonage_api_secret: Secret | None = Field(None, description="its secret")
    vonage_vapi_credential_id: Id | None = Field(None, description="the Vonage credential in Vapi, if made by hand")
    vonage_base_url: BaseUrl = Field("https://rest.nexmo.com", description="where Vonage's API answers")

    byo_numbers: Names = Field([], description="E.164 numbers on your own SIP trunk, comma-separated")
    byo_gateway_ips: Names = Field([], description="IPv4 addresses of the trunk's gateways, comma-separated")
    byo_vapi_credential_id: Id | None = Field(None, description="the byo-sip-trunk credential, if made by hand")

    carriers: Names = Field(["twilio"], description="carriers to try, in order: " + ", ".join(CARRIER_NAMES))
    default_country: Country = Field("US", description="country of a purchase that names none")
    number_strategy: Strategy = Field(Strategy.REUSE_FIRST, description="reuse_first or purchase_first")
    trial_sharing: TrialSharing = Field(TrialSharing.NEWEST, description="newest, keep or off")
    max_monthly_price: Price | None = Field(None, description="dearest number that may be bought, a month: 1.50 EUR")
    max_upfront_price: Price | None = Field(None, description="most that may be due at once for a number: 5 EUR")
    budget_rates: Rates = Field(
        {}, description="what one of a currency is worth in USD, so that it counts in budgets: EUR=1.08,GBP=1.27"
    )
    api_rate_per_minute: int = Field(
        3000, ge=0, description="requests a minute that one key may send to this process; 0: without a limit"
    )
    wrong_keys_allowed: int = Field(
        10, ge=0, description="wrong keys from one address before each further one costs it a wait, twice the last"
    )
    assign_wait_seconds: Seconds = Field(20.0, ge=0, description="how long POST /api/restaurants waits for the flow")
    number_cooldown_hours: float = Field(168.0, ge=0, le=87_600, description="quarantine of a number that was given up")

    provider_requests_per_second: float = Field(
        20.0, ge=1, description="requests a second to one provider account, of all processes together"
    )
    provider_concurrency: int = Field(
        10, ge=1, description="requests at once to one provider account, of all processes together"
    )
    provider_timeout_seconds: Seconds = Field(20.0, gt=0, description="how long a provider's answer is waited for")
    retry_for_seconds: Seconds = Field(60.0, ge=0, description="how long a step is retried before the assignment fails")
    listing_lag_seconds: Seconds = Field(
        15.0, ge=0, description="how long a carrier's listing may lag after a purchase"
    )
    activation_seconds: Seconds = Field(180.0, ge=0, description="how long a new number may take to become active")

    endpoints_allow_private: bool = Field(
        False, description="lets events be sent to private addresses too, and over http"
    )

    reconcile_minutes: float = Field(
        60.0, ge=0, description="how often carriers, Vapi and our tables are compared, unasked; 0: never"
    )
    keep_calls_days: float = Field(400.0, ge=1, description="how long calls are kept")
    keep_events_days: float = Field(400.0, ge=1, description="how long it is kept what happened, and by whom")
    keep_steps_days: float = Field(90.0, ge=1, description="how long the steps of ended runs are kept")
    keep_idempotency_keys_days: float = Field(30.0, ge=1, description="how long a request may come again by its key")
    keep_engine_days: float = Field(7.0, ge=1, description="how long the engine's records of ended runs are kept")

    database_url: DatabaseUrl = Field("sqlite:///trunkline.sqlite", description="sqlite:///FILE or postgresql://...")
    takeover_seconds: Seconds = Field(30.0, ge=2, description="after which a silent process's work is taken over")
    shutdown_seconds: Seconds = Field(5.0, ge=0, description="how long SIGTERM lets running assignments finish")
    log_level: LogLevel = Field(LogLevel.INFO, description="debug, info, warning or error")
    log_format: LogFormat = Field(LogFormat.AUTO, description="json, console, or auto: console on a terminal")
    otel_exporter_otlp_endpoint: BaseUrl | None = Field(None, description="collector of traces, by OTLP over HTTP")
    trace_calls: bool = Field(False, description="what Vapi asks when the phone rings is traced too")

    trunkline_url: BaseUrl = Field("http://localhost:8000", description="where the command line finds the server")
    trunkline_secret: Secret | None = Field(
        None, description="the server's VAPI_SECRET_KEY, where the command line has another"
    )

    @model_validator(mode="before")
    @classmethod
    def _strip(cls, values: dict[str, Any]) -> dict[str, Any]:
        """White space around a value is taken off; what is empty then counts as not set."""
        stripped = {name: v.strip() if isinstance(v, str) else v for name, v in values.items()}
        return {name: value for name, value in stripped.items() if value != ""}

    @field_validator("vapi_routing", "number_strategy", "trial_sharing", "log_level", "log_format", mode="before")
    @classmethod
    def _small_letters(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("vapi_secret_scopes")
    @classmethod
    def _lowered(cls, value: list[str]) -> list[str]:
        return [name.lower() for name in value]

    @field_validator("carriers")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        names = list(dict.fromkeys(name.lower() for name in value))
        if unknown := [name for name in names if name not in CARRIER_NAMES]:
            raise ValueError(f"unknown carrier {unknown[0]!r}; known are {', '.join(CARRIER_NAMES)}")
        return names

    def secrets(self) -> list[str]:
        """The value of every secret, for the redaction of logs only."""
        return [v.get_secret_value() for v in dict(self).values() if isinstance(v, SecretStr)]

    @property
    def sandbox(self) -> bool:
        """Whether Vapi, and so everything, is a sandbox: its keys are no keys of Vapi's."""
        return self.vapi_api_key is not None and self.vapi_api_key.get_secret_value().startswith("sandbox-")

    @property
    def prefix(self) -> str:
        """Of the paths at which a proxy serves us."""
        return self.root_path or urlsplit(self.public_backend_url or "").path

    @property
    def embedded(self) -> bool:
        """Whether the database is an SQLite file, which allows one process only."""
        return self.database_url.startswith("sqlite")


def by_country(values: dict[str, str], country: str) -> str | None:
    """The configured value for a country, or the one for all countries."""
    return values.get(country) or values.get("*")


def load_settings(**overrides: Any) -> Settings:
    """The settings from the environment; SettingsError has a line for each that is unusable, without its value."""
    unreadable: list[str] = []
    problems: list[str] = []
    file = overrides.get("_env_file", Settings.model_config.get("env_file"))
    try:
        with _listening_to_dotenv(unreadable):
            problems += strangers(DotEnvSettingsSource(Settings, env_file=file).env_vars if file else ())
            problems += [f"{line} of .env cannot be read; write NAME=value" for line in dict.fromkeys(unreadable)]
            settings = Settings(**overrides)
    except ValidationError as error:
        problems += [_in_words(one) for one in error.errors()]
    except UnicodeDecodeError:
        raise SettingsError(".env is not in UTF-8", hint="save it with that encoding") from None
    except OSError as error:
        raise SettingsError(f".env cannot be read: {error.strerror}", hint="let this user read it") from None
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def exported() -> Collection[str]:
    """What this process's environment has, in lower case: such a setting is not known from `.env` alone."""
    return EnvSettingsSource(Settings).env_vars.keys()


def strangers(names: Iterable[str]) -> Iterator[str]:
    """Names in an `.env` file that are meant for us and are no setting, in words. Those of other programs may stand
    there too."""
    given = [name.upper() for name in names]
    known = [name.upper() for name in Settings.model_fields]
    missing = [name for name in known if name not in given]
    for name in given:
        if name in known or name in OTHERS_IN_ENV:
            continue
        words = set(name.split("_"))
        near = get_close_matches(name, missing, n=1, cutoff=0.8)
        wider = [other for other in known if len(words) > 1 and words < set(other.split("_"))]
        near += [other for other in sorted(wider, key=len)[:1] if other in missing]
        if near:
            yield f"{name} in .env is not a setting; is {near[0]} meant?"
        elif name.startswith(PREFIXES):
            yield f"{name} in .env is not a setting; take it out"


@contextmanager
def _listening_to_dotenv(unreadable: list[str]) -> Iterator[None]:
    """The library leaves out what it cannot read, and says so in the log alone; here is which line each was."""
    said = logging.getLogger("dotenv.main")

    def note(record: logging.LogRecord) -> bool:
        unreadable.append(f"line {record.args[0]}" if isinstance(record.args, tuple) and record.args else "a line")
        return False

    said.addFilter(note)
    try:
        yield
    finally:
        said.removeFilter(note)


@dataclass(frozen=True)
class ToldSetting:
    """One setting for people: of a secret, only whether it is set."""

    name: str
    value: str
    origin: str
    about: str


def tell_settings(settings: Settings) -> list[ToldSetting]:
    """All of them, with where each comes from."""
    environment = exported()
    file = Settings.model_config.get("env_file")
    in_file = DotEnvSettingsSource(Settings, env_file=file)() if file else {}
    told = []
    for name, field in Settings.model_fields.items():
        is_default = getattr(settings, name) == field.get_default(call_default_factory=True)
        known = (("environment", name in environment), (".env", name in in_file), ("default", is_default))
        origin = next((word for word, holds in known if holds), "command line")
        told.append(ToldSetting(name.upper(), _tell(getattr(settings, name)), origin, field.description or ""))
    return told


def _tell(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "set"
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else re.sub(r"//[^/@]*@", "//***@", str(value))


WORDS = {
    "enum": "must be {expected}",
    "bool_parsing": "must be true or false",
    "float_parsing": "must be a number",
    "decimal_parsing": "must be a number",
    "finite_number": "must be a number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
}


def _in_words(error: Any) -> str:
    """What the library says of a value, as a person would say it who has never heard of the library."""
    context = error.get("ctx", {})
    given = {"expected": str(context.get("expected")).replace("'", "")} | {
        limit: f"{context[limit]:g}" for limit in ("gt", "ge", "le") if limit in context
    }
    words = WORDS.get(error["type"])
    told = words.format_map(given) if words else error["msg"].removeprefix("Value error, ")
    return f"{str(error['loc'][0]).upper()}: {told}"
