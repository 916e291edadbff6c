"""Settings: each is brought into form at the start, or refused in one line that names it and never shows a key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from pydantic import SecretStr

from tests.support.forked import Process
from trunkline.countries import NAMES
from trunkline.errors import SettingsError
from trunkline.settings import Settings, load_settings

KEYS = sorted(name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))
ADDRESSES = [name for name in Settings.model_fields if name.endswith("_url") and name != "database_url"]
BASES = [name for name in ADDRESSES if name != "tools_webhook_url"]
Brought = Callable[..., Any]


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> Brought:
    """A setting as the program sees it, from what stands in the environment."""

    def bring(name: str, value: str) -> Any:
        monkeypatch.setenv(name.upper(), value)
        got = getattr(load_settings(_env_file=None), name)
        return got.get_secret_value() if isinstance(got, SecretStr) else got

    return bring


@pytest.fixture
def refusal(brought: Brought) -> Callable[[str, str], str]:
    """The one line in which it is refused, which names the setting."""

    def refuse(name: str, value: str) -> str:
        with pytest.raises(SettingsError) as refused:
            brought(name, value)
        assert refused.value.detail.startswith(f"{name.upper()}: ")
        assert "\n" not in refused.value.detail
        return refused.value.detail

    return refuse


# --- keys ------------------------------------------------------------------------------------------------------------


def test_there_are_keys_to_be_checked() -> None:
    assert len(KEYS) == 10
    assert {"vapi_secret_key", "trunkline_secret", "twilio_auth_token"} <= set(KEYS)


@pytest.mark.parametrize("key", [*KEYS, "twilio_account_sid", "vonage_api_key", "vapi_assistant_id"])
def test_white_space_around_a_key_is_taken_off(key: str, brought: Brought) -> None:
    assert brought(key, " \tAC0123abcdef\r\n") == "AC0123abcdef"


@pytest.mark.parametrize(
    "unsendable",
    ["AC01 23abcdef", "AC01\n23abcdef", '"AC0123abcdef"', "'AC0123abcdef'", "AC01é23abcdef", "AC01\x7f23abcdef"],
    ids=["space", "two lines", "quotes", "single quotes", "not ASCII", "control character"],
)
@pytest.mark.parametrize("key", [*KEYS, "twilio_account_sid", "vonage_api_key", "vapi_assistant_id"])
def test_a_key_that_no_header_can_carry_is_named_and_not_shown(
    key: str, unsendable: str, refusal: Callable[[str, str], str]
) -> None:
    assert "AC01" not in refusal(key, unsendable)


def test_an_id_that_would_change_a_path_is_refused(refusal: Callable[[str, str], str]) -> None:
    refusal("twilio_account_sid", "AC0123/../x?y")


def test_a_value_of_white_space_counts_as_none(brought: Brought) -> None:
    assert brought("vapi_api_key", " \n") is None
    assert brought("vapi_assistant_name", "  ") == "Restaurant Voice Assistant"


# --- countries -------------------------------------------------------------------------------------------------------


def test_every_country_that_has_numbers_is_known() -> None:
    assert set(NAMES) == phonenumbers.SUPPORTED_REGIONS


@pytest.mark.parametrize("written", ["gb", " Gb ", "GB"])
def test_a_country_is_its_code_in_capitals(written: str, brought: Brought) -> None:
    assert brought("default_country", written) == "GB"


@pytest.mark.parametrize(
    ("written", "mend"),
    [
        ("UK", "write GB"),
        ("Germany", "write DE"),
        ("USA", "write US"),
        ("united kingdom", "write GB"),
        ("U.S.A.", "write US"),
        ("FRA", "write FR"),
        ("Swizerland", "write CH"),
        ("XX", "use a two-letter ISO code"),
        ("\u0131s", "use a two-letter ISO code"),
    ],
)
@pytest.mark.parametrize(("name", "form"), [("default_country", "{}"), ("twilio_address_sid", "FR=AD1,{}=AD2")])
def test_what_is_no_country_is_refused_with_the_mend(
    name: str, form: str, written: str, mend: str, refusal: Callable[[str, str], str]
) -> None:
    assert mend in refusal(name, form.format(written))


def test_papers_are_kept_by_country(brought: Brought) -> None:
    assert brought("twilio_address_sid", " gb = AD1 , FR=AD2, AD3") == {"GB": "AD1", "FR": "AD2", "*": "AD3"}


@pytest.mark.parametrize("written", ["GB=", "GB=AD1,FR=", "GB=A D", "GB=AD/1"])
def test_papers_that_cannot_be_are_refused(written: str, refusal: Callable[[str, str], str]) -> None:
    refusal("telnyx_requirement_group_id", written)


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BASES)
def test_a_base_address_loses_the_slash_at_its_end_and_keeps_a_prefix(name: str, brought: Brought) -> None:
    assert brought(name, "https://Pub.Example.com:8443/") == "https://pub.example.com:8443"
    assert brought(name, "http://[::1]:8000/Behind/a-Proxy/") == "http://[::1]:8000/Behind/a-Proxy"


def test_the_tools_address_is_used_as_it_is(brought: Brought) -> None:
    assert brought("tools_webhook_url", "https://x.example/hook/?a=1") == "https://x.example/hook/?a=1"


@pytest.mark.parametrize(
    "written",
    [
        "pub.example.com",
        "//pub.example.com",
        "ftp://pub.example.com",
        "https://",
        "https:///path",
        "https://pub.example.com:99999",
        "https://pub.example.com:http",
        "https://pub.example.com/#top",
        "https://user:hidden@pub.example.com",
        "https://pub example.com",
        '"https://pub.example.com"',
        "https://münchen.example",
        "https://[::1",
    ],
)
@pytest.mark.parametrize("name", ADDRESSES)
def test_an_address_that_no_request_can_use_is_refused(
    name: str, written: str, refusal: Callable[[str, str], str]
) -> None:
    assert "hidden" not in refusal(name, written)


@pytest.mark.parametrize("name", BASES)
def test_a_base_address_has_no_query(name: str, refusal: Callable[[str, str], str]) -> None:
    refusal(name, "https://pub.example.com/?a=1")


def test_the_webhooks_own_path_is_not_a_part_of_the_public_address(refusal: Callable[[str, str], str]) -> None:
    assert "leave /api/vapi/server out" in refusal("public_backend_url", "https://x.example.com/tl/api/vapi/server/")


def test_the_prefix_of_a_proxy_is_that_of_the_public_address_unless_it_is_named(brought: Brought) -> None:
    public: dict[str, Any] = {"_env_file": None, "public_backend_url": "https://x.example/tl/"}
    assert load_settings(_env_file=None).prefix == ""
    assert load_settings(**public).prefix == "/tl"
    assert load_settings(**public, root_path="other/").prefix == "/other"
    assert brought("root_path", "/a/b-c/") == "/a/b-c"


@pytest.mark.parametrize("written", ["/a b", "https://x.example/tl", "/api", "/docs/x", "/metrics/"])
def test_a_prefix_that_cannot_be_is_refused(written: str, refusal: Callable[[str, str], str]) -> None:
    refusal("root_path", written)


# --- the database ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("sqlite:///trunkline.sqlite", "sqlite:///trunkline.sqlite"),
        ("sqlite+aiosqlite:////data/x.sqlite", "sqlite:////data/x.sqlite"),
        ("postgres://u:p%40ss@db:5432/tl", "postgresql://u:p%40ss@db:5432/tl"),
        ("POSTGRESQL+asyncpg://u@db/tl", "postgresql://u@db/tl"),
        ("postgresql+psycopg2://u@[::1]:5432/tl?sslmode=require", "postgresql://u@[::1]:5432/tl?sslmode=require"),
        ("postgresql:///tl?host=/run/postgresql", "postgresql:///tl?host=/run/postgresql"),
        ("postgresql://u@/tl?host=a:5432&host=b:5432", "postgresql://u@/tl?host=a:5432&host=b:5432"),
        ("postgres://u@db/tl?pgbouncer=true&schema=x", "postgresql://u@db/tl?pgbouncer=true&schema=x"),
    ],
)
def test_a_database_is_known_by_any_of_its_names(written: str, used: str, brought: Brought) -> None:
    assert brought("database_url", written) == used


@pytest.mark.parametrize(
    ("written", "mend"),
    [
        ("sqlite://", "sqlite:///trunkline.sqlite"),
        ("sqlite:///", "sqlite:///trunkline.sqlite"),
        ("sqlite:///:memory:", "sqlite:///trunkline.sqlite"),
        ("sqlite:///file::memory:?cache=shared&uri=true", "sqlite:///trunkline.sqlite"),
        ("sqlite://data.sqlite", "sqlite:///trunkline.sqlite"),
        ("sqlite:////data/", "sqlite:///trunkline.sqlite"),
        ("sqlite:///data.sqlite?mode=ro", "leave options out"),
        ("trunkline.sqlite", "begin with"),
        ("mysql://u:hidden@db/tl", "begin with"),
        ("postgresql:u:hidden@db/tl", "begin with"),
        ("postgresql://u:hidden@db/tl?pool_timeout=1", "leave it out"),
        ("postgresql://u:hidden@db/tl?currentSchema=x", "write schema=NAME"),
        ("postgresql://u:hidden@db/tl?ssl=true", "sslmode=require"),
        ("postgresql://u:hid@den@db/tl", "write @ as %40"),
        ("postgresql://u:hid/den@db/tl", "/ as %2F"),
        ("postgresql://u:hid#den@db/tl", "# as %23"),
        ("postgresql://u:hidden@a:5432,b:5432/tl", "host=one:5432&host=two:5432"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_with_the_mend(
    written: str, mend: str, refusal: Callable[[str, str], str]
) -> None:
    said = refusal("database_url", written)
    assert mend in said
    assert "hid" not in said
    assert "den" not in said


# --- how webhooks are signed -----------------------------------------------------------------------------------------


def test_a_form_of_signatures_is_written_as_vapi_writes_it(brought: Brought) -> None:
    plan = brought("vapi_webhook_hmac_plan", '{"algorithm": "sha512", "includeTimestamp": false, "type": "hmac"}')
    assert (plan.algorithm, plan.payload, plan.signature_header, plan.timed) == (
        "sha512",
        "{body}",
        "x-signature",
        False,
    )


@pytest.mark.parametrize(
    ("written", "mend"),
    [
        ("sha512", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"secretKey": "hidden"}', "VAPI_WEBHOOK_HMAC_SECRET"),
        ('{"algorithm": "md5"}', 'one of "sha256", "sha512", "sha1"'),
        ('{"type": "bearer"}', 'one of "hmac"'),
        ('{"includeTimestamp": "no"}', "one of true, false"),
        ('{"signatureEncoding": 7}', 'one of "hex", "base64"'),
        ('{"signature": "x-signature"}', "known are type, algorithm, signatureHeader"),
        ('{"signatureHeader": null}', "no text"),
        ('{"timestampHeader": "x time"}', "no header is called"),
        ('{"payloadFormat": "{timestamp}"}', "without {body}"),
        ('{"payloadFormat": "{svix-id}.{body}"}', "no messageIdHeader"),
    ],
)
def test_a_form_of_signatures_that_cannot_be_is_refused_with_the_mend(
    written: str, mend: str, refusal: Callable[[str, str], str]
) -> None:
    said = refusal("vapi_webhook_hmac_plan", written)
    assert mend in said
    assert "hidden" not in said


# --- numbers, words, and one of several ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "written", "used"),
    [
        ("max_monthly_price", "1.50", "1.50 USD"),
        ("max_monthly_price", " 1.50 eur ", "1.50 EUR"),
        ("max_upfront_price", "0", "0 USD"),
        ("assign_wait_seconds", " 0 ", 0.0),
        ("unmapped_destination", "+1 (415) 555-0123", "+14155550123"),
        ("unmapped_message", "We are\n  sorry.", "We are sorry."),
        ("carriers", "Telnyx, twilio,telnyx", ["telnyx", "twilio"]),
        ("vapi_routing", "SERVER", "server"),
        ("log_level", "INFO", "info"),
        ("log_format", "Console", "console"),
        ("twilio_sms_enabled", "yes", True),
    ],
)
def test_what_can_only_mean_one_thing_is_taken_so(name: str, written: str, used: Any, brought: Brought) -> None:
    assert brought(name, written) == used


@pytest.mark.parametrize(
    ("name", "written", "mend"),
    [
        ("max_monthly_price", "-1", "like 1.50, or 1.50 EUR"),
        ("max_monthly_price", "$5", "like 1.50, or 1.50 EUR"),
        ("max_monthly_price", "nan", "like 1.50, or 1.50 EUR"),
        ("max_upfront_price", "5 euros", "like 1.50, or 1.50 EUR"),
        ("max_upfront_price", "1e9", "like 1.50, or 1.50 EUR"),
        ("assign_wait_seconds", "-0.1", "0 or more"),
        ("assign_wait_seconds", "inf", "a number"),
        ("retry_for_seconds", "60s", "a number"),
        ("number_cooldown_hours", "1e300", "87600 or less"),
        ("provider_requests_per_second", "0", "1 or more"),
        ("provider_requests_per_second", "-20", "1 or more"),
        ("provider_concurrency", "0", "1 or more"),
        ("provider_concurrency", "1.5", "a whole number"),
        ("provider_timeout_seconds", "0", "more than 0"),
        ("takeover_seconds", "1", "2 or more"),
        ("number_strategy", "reuse", "reuse_first or purchase_first"),
        ("trial_sharing", "yes", "newest, keep or off"),
        ("vapi_routing", "agent", "assistant or server"),
        ("log_level", "trace", "debug, info, warning or error"),
        ("log_format", "text", "auto, json or console"),
        ("twilio_sms_enabled", "maybe", "true or false"),
        ("unmapped_destination", "0415 555 0123", "+14155550123"),
        ("unmapped_message", "We \x1b[2J", "plain text"),
        ("carriers", "twillio", "known are twilio, telnyx"),
    ],
)
def test_what_cannot_be_is_refused_with_the_mend(
    name: str, written: str, mend: str, refusal: Callable[[str, str], str]
) -> None:
    assert mend in refusal(name, written)


# --- .env ------------------------------------------------------------------------------------------------------------


def said_of(tmp_path: Path, text: str | bytes) -> str:
    """What the program says of an `.env`; it ends with exit code 2."""
    (tmp_path / ".env").write_bytes(text.encode() if isinstance(text, str) else text)
    with (tmp_path / "out").open("w") as out, (tmp_path / "errors").open("w") as errors:
        code = Process(["serve", "--port", "0"], tmp_path, {"HOME": str(tmp_path)}, out, errors).wait(60)
    said = (tmp_path / "errors").read_text()
    assert (code, (tmp_path / "out").read_text()) == (2, ""), said
    return said


def test_each_unusable_setting_and_each_misspelt_name_is_a_line_of_its_own(tmp_path: Path) -> None:
    said = said_of(
        tmp_path, "DEFAULT_COUNTRY=UK\nTWILIO_ACOUNT_SID=AC1\nMAX_PRICE=5\nVAPI_API_KEY=hid den\nLOG_FORMAT=x\n"
    )
    assert sorted(line.split(" ")[1] for line in said.splitlines()) == [
        "DEFAULT_COUNTRY:",
        "LOG_FORMAT:",
        "MAX_PRICE",
        "TWILIO_ACOUNT_SID",
        "VAPI_API_KEY:",
    ]
    assert "is TWILIO_ACCOUNT_SID meant?" in said
    assert "is MAX_MONTHLY_PRICE meant?" in said
    assert all(line.startswith("Error: ") for line in said.splitlines())
    assert "hid" not in said


@pytest.mark.parametrize("name", ["VAPI_KEY", "TWILIO_TOKEN", "CARRIER", "vapi_secretkey", "TELNYX_CONNECTION_ID"])
def test_a_name_that_is_meant_for_us_and_is_no_setting_is_told(name: str, tmp_path: Path) -> None:
    said = said_of(tmp_path, f"VAPI_API_KEY=a\n{name}=hidden\n")
    assert said.count("\n") == 1
    assert said.startswith(f"Error: {name.upper()} in .env is not a setting")
    assert "hidden" not in said


def test_names_of_other_programs_are_nobodys_business(tmp_path: Path) -> None:
    others = "POSTGRES_PASSWORD=x\nOPENAI_API_KEY=x\nPORT=80\nSECRET_KEY=x\nCOMPOSE_PROJECT_NAME=x\n"
    said = said_of(tmp_path, f"VAPI_SECRET_KEY=abc\n{others}")
    assert said.startswith("Error: VAPI_API_KEY is not set")


def test_a_line_that_cannot_be_read_is_told_by_its_place(tmp_path: Path) -> None:
    said = said_of(tmp_path, "VAPI_SECRET_KEY=abc\nVAPI_API_KEY: hidden\n")
    assert said == "Error: line 2 of .env cannot be read; write NAME=value\n"


def test_the_mark_that_some_editors_put_first_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert "LOG_LEVEL: must be" in said_of(tmp_path, b"\xef\xbb\xbfLOG_LEVEL=x\n")


def test_another_encoding_is_told_in_one_line(tmp_path: Path) -> None:
    assert said_of(tmp_path, "LOG_LEVEL=info\n".encode("utf-16")).startswith("Error: .env is not in UTF-8")
