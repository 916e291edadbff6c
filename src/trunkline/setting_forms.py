"""The forms that settings are brought into: keys, ids, countries, addresses, numbers; what cannot be is a ValueError.

No text of an error repeats a key. Each says what to write instead.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cache
from typing import Annotated, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic.alias_generators import to_camel
from pydantic_settings import NoDecode

from trunkline.countries import country_code, how_to_write
from trunkline.currencies import currency_code

QUOTES = "\"'`"
LIKE_A_HOST = "write it like https://trunkline.example.com"
IN_A_PASSWORD = "in a password, write @ as %40, / as %2F, : as %3A, # as %23 and ? as %3F"  # noqa: S105
# Options of other programs' addresses, and what they are here.
OTHER_OPTIONS = {
    "currentSchema": "write schema=NAME",
    "ssl": "write sslmode=require",
    "sslaccept": "write sslmode=require",
    "connection_limit": "leave it out: the pool is of a fixed size",
}
OF_OTHERS = {"pgbouncer", "schema"}  # and taken here too; see db/addresses.py
STANDARD_PREFIX = "whsec_"  # Standard Webhooks, and Svix, write it before a secret in base64
OUR_PATHS = re.compile(r"/(api|console|docs|mcp|metrics|healthz|readyz|openapi\.json)(/|$)")
A_FILE = "an SQLite database is a file: write sqlite:///trunkline.sqlite"


def sendable(text: str) -> str:
    """A key or an id as a header can carry it: ASCII that can be seen, without a space or a quote in it."""
    if any(character in QUOTES for character in text):
        raise ValueError("has a quote in it; write it without quotes")
    if any(character.isspace() for character in text):
        raise ValueError("has a space or a line break in it; write one key, on one line")
    if not (text.isascii() and text.isprintable()):
        raise ValueError("has characters that no header can carry; use letters, digits and signs of ASCII")
    return text


def _secret(value: Any) -> Any:
    plain = value.get_secret_value().strip() if isinstance(value, SecretStr) else value
    return sendable(plain) if isinstance(plain, str) else value


def identifier(text: str) -> str:
    """An id of a provider's, which may become part of a URL."""
    if re.search(r"[^A-Za-z0-9._:-]", sendable(text)):
        raise ValueError("has a sign in it that no id has; copy it again from the provider's page")
    return text


def one_line(text: str) -> str:
    """Words for people: white space in a row is one space."""
    text = " ".join(text.split())
    if not text.isprintable():
        raise ValueError("has characters that cannot be shown; write plain text")
    return text


def country(text: str) -> str:
    """Its ISO code in capitals."""
    code = country_code(text)
    if code is None:
        raise ValueError(f"{text!r} is not a country; {how_to_write(text)}")
    return code


def by_country(value: Any) -> Any:
    """`X`, which means X for every country and is kept under "*", or `GB=X,FR=Y`."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip().rpartition("=") for part in value.split(",") if part.strip()]
    if any(not item.strip() for _, _, item in pairs):
        raise ValueError("names a country without an id; write it like GB=ID,FR=ID")
    return {country(name.strip()) if name.strip() else "*": identifier(item.strip()) for name, _, item in pairs}


def listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def e164(text: str) -> str:
    """Spaces, dots, dashes and brackets are left out."""
    plain = re.sub(r"[\s().-]", "", text)
    if not re.fullmatch(r"\+[1-9]\d{6,14}", plain, re.ASCII):
        raise ValueError("must be an E.164 number like +14155550123")
    return plain


def amount(value: Any) -> str:
    """An amount and its currency, "1.50 USD": US dollars where none is named."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,4})?)(?:\s*([A-Za-z]{3}))?", str(value).strip(), re.ASCII)
    if found is None:
        raise ValueError("must be an amount, perhaps with its currency; write it like 1.50, or 1.50 EUR")
    code = currency_code(found[2] or "USD")
    if code is None:
        raise ValueError(f"{found[2]!r} is not a currency; write its ISO code, like 1.50 EUR")
    return f"{found[1]} {code}"


def rates(value: Any) -> Any:
    """What one of each currency is worth in US dollars: `EUR=1.08,GBP=1.27`."""
    if not isinstance(value, str):
        return value
    found: dict[str, Decimal] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, _, worth = (side.strip() for side in part.partition("="))
        code = currency_code(name)
        if code is None or code == "USD":
            raise ValueError(f"{name!r} is not a currency other than USD; write it like EUR=1.08,GBP=1.27")
        if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", worth, re.ASCII) or not Decimal(worth):
            raise ValueError(f"{part!r} has no rate above 0; write what one {code} is worth in USD, like {code}=1.08")
        if code in found:
            raise ValueError(f"names {code} twice")
        found[code] = Decimal(worth)
    return found


# --- addresses -------------------------------------------------------------------------------------------------------


def web_address(text: str) -> SplitResult:
    """An http or https address whose parts a request can use."""
    if not text.isascii() or not text.isprintable() or " " in text or any(sign in text for sign in QUOTES + "<>\\"):
        raise ValueError(f"has characters that no address has; {LIKE_A_HOST}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"has a port or a host that cannot be; {LIKE_A_HOST}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"does not begin with https:// or http://; {LIKE_A_HOST}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"carries a user or a password, which an address must not; {LIKE_A_HOST}")
    if not parts.hostname or port == 0 or not re.fullmatch(r"[a-z0-9._:-]*[a-z0-9.:]", parts.hostname):
        raise ValueError(f"has no host that can be reached; {LIKE_A_HOST}")
    if parts.fragment or text.endswith("#"):
        raise ValueError("has a fragment (#...); leave it out")
    return parts._replace(netloc=parts.netloc.lower())


def base_address(text: str) -> str:
    """An address that paths are added to, perhaps with a prefix: without a slash at its end."""
    parts = web_address(text)
    if parts.query or "?" in text:
        raise ValueError("has a query (?...), and paths are added to it; leave the query out")
    return urlunsplit(parts._replace(path=parts.path.rstrip("/")))


def public_address(text: str) -> str:
    """The same, without the paths of ours that people copy along with it."""
    address = base_address(text)
    own = re.search(r"/(api/vapi/server|api|docs|healthz)$", address)
    if own:
        raise ValueError(f"ends with {own[0]}, which is added to it; leave {own[0]} out")
    not_ours(urlsplit(address).path)
    return address


def path_prefix(text: str) -> str:
    """A path that a proxy puts before ours: with a slash at its beginning and none at its end."""
    path = f"/{text.strip('/')}"
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
        raise ValueError("is no path; write it like /trunkline")
    return not_ours(path)


def not_ours(path: str) -> str:
    if OUR_PATHS.match(path):
        raise ValueError("begins like one of our own paths; choose another")
    return path


def full_address(text: str) -> str:
    """An address that is asked as it is."""
    return urlunsplit(web_address(text))


# --- the database ----------------------------------------------------------------------------------------------------


def database_address(text: str) -> str:
    """`sqlite:///FILE` or `postgresql://...`, whatever driver or alias it was written with."""
    scheme, colon, _ = text.partition(":")
    kind = scheme.lower().partition("+")[0]
    if not colon or kind not in ("sqlite", "postgres", "postgresql"):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    rest = text[len(scheme) :]
    return f"sqlite{_sqlite(rest)}" if kind == "sqlite" else f"postgresql{_postgresql(rest)}"


def _sqlite(rest: str) -> str:
    if not rest.startswith(":///"):
        raise ValueError(A_FILE)
    file = unquote(rest.removeprefix(":///"))
    if not file or file.endswith("/") or ":memory:" in file or file.startswith("file:"):
        raise ValueError(A_FILE)
    if "?" in file or "#" in file or not file.isprintable():
        raise ValueError("names a file with a ?, a # or a sign that cannot be shown; leave options out")
    return rest


def _postgresql(rest: str) -> str:
    if not rest.startswith("://"):
        raise ValueError("must begin with postgresql://")
    try:
        parts = urlsplit(f"postgresql{rest}")
        several = parts.netloc.count("@") > 1
        fits = parts.port != 0 and not several and not parts.fragment and "#" not in rest
    except ValueError:
        fits = False
    if not fits or not rest.isprintable() or " " in rest:
        raise ValueError(f"cannot be read; {IN_A_PASSWORD}; several hosts are written ?host=one:5432&host=two:5432")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in OF_OTHERS and name not in _options_of_libpq():
            instead = OTHER_OPTIONS.get(name, "leave it out")
            raise ValueError(f"has the option {name!r}, which PostgreSQL does not know; {instead}")
    return rest


@cache
def _options_of_libpq() -> set[str]:
    """What may follow the ? of a connection's address, by the library that is installed."""
    from psycopg import pq  # takes a third of a second, which a command without options need not wait for

    return {option.keyword.decode() for option in pq.Conninfo.get_defaults()}


# --- how webhooks are signed -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HmacPlan:
    """The HMAC credential in Vapi but for its secret, with Vapi's fields and defaults."""

    type: str = "hmac"
    algorithm: str = "sha256"
    signature_header: str = "x-signature"
    timestamp_header: str = "x-timestamp"
    message_id_header: str = ""
    signature_prefix: str = ""
    include_timestamp: bool = True
    payload_format: str = ""
    signature_encoding: str = "hex"
    secret_is_base64: bool = False

    def key(self, secret: str) -> bytes:
        """What signs, from the secret as it is written; ValueError where that is not base64 and should be."""
        if self.secret_is_base64:
            return base64.b64decode(secret.removeprefix(STANDARD_PREFIX), validate=True)
        return secret.encode()

    @property
    def payload(self) -> str:
        """What is signed."""
        return self.payload_format or ("{timestamp}.{body}" if self.include_timestamp else "{body}")

    @property
    def timed(self) -> bool:
        """Whether the time is signed, so that it can be told from an old webhook that is sent again."""
        return "{timestamp}" in self.payload


CHOICES = {
    "type": ("hmac",),
    "algorithm": ("sha256", "sha512", "sha1"),
    "signatureEncoding": ("hex", "base64"),
    "includeTimestamp": (True, False),
    "secretIsBase64": (True, False),
}
LIKE_A_PLAN = 'write the fields of Vapi\'s HMAC credential, like {"algorithm": "sha512"}'


def hmac_plan(value: Any) -> Any:
    """From JSON, in Vapi's own names for the fields."""
    if not isinstance(value, str):
        return value
    try:
        given = json.loads(value)
    except ValueError:
        raise ValueError(f"is not JSON; {LIKE_A_PLAN}") from None
    if not isinstance(given, dict):
        raise ValueError(f"is not a JSON object; {LIKE_A_PLAN}")
    if "secretKey" in given:
        raise ValueError("has the secretKey in it; write that into VAPI_WEBHOOK_HMAC_SECRET")
    known = {to_camel(field.name): field.name for field in fields(HmacPlan)}
    for name, wanted in given.items():
        _check_field(name, wanted, list(known))
    plan = HmacPlan(**{known[name]: wanted for name, wanted in given.items()})
    if "{body}" not in plan.payload:
        raise ValueError("has a payloadFormat without {body}, which would prove nothing of the body")
    if "{svix-id}" in plan.payload and not plan.message_id_header:
        raise ValueError("has a payloadFormat with {svix-id} and no messageIdHeader")
    return plan


def _check_field(name: str, value: Any, known: list[str]) -> None:
    if name not in known:
        raise ValueError(f"has {name!r}, which is not known; known are {', '.join(known)}")
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"has a {name} that is none; it is one of {json.dumps(CHOICES[name])[1:-1]}")
    if name not in CHOICES and not isinstance(value, str):
        raise ValueError(f"has a {name} that is no text")
    if name.endswith("Header") and not re.fullmatch(r"[A-Za-z0-9_-]*", value):
        raise ValueError(f"has a {name} that no header is called")


Secret = Annotated[SecretStr, BeforeValidator(_secret)]
Id = Annotated[str, AfterValidator(identifier)]
Words = Annotated[str, AfterValidator(one_line)]
Country = Annotated[str, AfterValidator(country)]
ByCountry = Annotated[dict[str, str], NoDecode, BeforeValidator(by_country)]
BaseUrl = Annotated[str, AfterValidator(base_address)]
PublicUrl = Annotated[str, AfterValidator(public_address)]
Prefix = Annotated[str, AfterValidator(path_prefix)]
FullUrl = Annotated[str, AfterValidator(full_address)]
DatabaseUrl = Annotated[str, AfterValidator(database_address)]
Number = Annotated[str, AfterValidator(e164)]
Price = Annotated[str, BeforeValidator(amount)]
Rates = Annotated[dict[str, Decimal], NoDecode, BeforeValidator(rates)]
Names = Annotated[list[str], NoDecode, BeforeValidator(listed)]
Seconds = Annotated[float, Field(le=86_400)]
WebhookPlan = Annotated[HmacPlan | None, NoDecode, BeforeValidator(hmac_plan)]
