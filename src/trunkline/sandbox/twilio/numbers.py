"""IncomingPhoneNumbers: the numbers that an account owns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from trunkline.sandbox.twilio.addresses import check_address, snake
from trunkline.sandbox.twilio.purchase import (
    buy,
    check_form,
    check_sms,
    check_transfer,
    choose,
    give_trial_number,
    magic_number,
)
from trunkline.sandbox.twilio.search import capabilities
from trunkline.sandbox.twilio.state import find, give_up, hand_over, new_record, newer_than, newest_first
from trunkline.sandbox.twilio.stock import CARRIER
from trunkline.sandbox.twilio.wire import ROOT, Page, Refused, answer, flag, listing, not_found, rfc2822, switched
from trunkline.sandbox.world import Account, Number, World

URLS = ("VoiceUrl", "VoiceFallbackUrl", "SmsUrl", "SmsFallbackUrl", "StatusCallback")
METHODS = ("VoiceMethod", "VoiceFallbackMethod", "SmsMethod", "SmsFallbackMethod", "StatusCallbackMethod")
SIDS = {"TrunkSid": "TK", "AddressSid": "AD", "BundleSid": "BU", "IdentitySid": "RI", "EmergencyAddressSid": "AD"}
APPLICATIONS = {"VoiceApplicationSid": "AP", "SmsApplicationSid": "AP"}


class Setting(NamedTuple):
    """A parameter of create and update: what it may be, how its refusal is worded, how it is kept."""

    pattern: str
    keep: Callable[[str], Any]
    code: int = 20001
    says: str = "{} is not valid"


# An empty string passes every pattern: it clears a URL or a SID and leaves the rest as it is.
SETTINGS = {
    "FriendlyName": Setting(r".{0,64}", str, 20002, "Invalid FriendlyName"),
    "ApiVersion": Setting(r".*", str),
    "VoiceReceiveMode": Setting(r"(voice|fax)?", str),
    "VoiceCallerIdLookup": Setting(r"(true|false)?", lambda value: value == "true"),
    # Accepted and without effect since 2021, as Twilio's changelog has it.
    "EmergencyStatus": Setting(r"(Active|Inactive)?", str),
    **{name: Setting(r"(https?://[^\s/?#]\S*)?", str, 21402) for name in URLS},
    **{name: Setting(r"(GET|POST|get|post)?", str.upper, 21403) for name in METHODS},
    **{name: Setting(rf"({sid}[0-9a-fA-F]{{32}})?", str) for name, sid in SIDS.items()},
    **{
        name: Setting(rf"({sid}[0-9a-fA-F]{{32}})?", str, 21420, "{} is not accessible")
        for name, sid in APPLICATIONS.items()
    },
}


def resource(world: World, number: Number, full: bool = True) -> dict[str, Any]:
    """An owned number as its resource; /Local, /TollFree and /Mobile do not document `type`."""
    record = dict(number.wire)
    for url in map(snake, URLS):
        record[url] = record.get(url) or world.switches["twilio_unset_url"]
    record |= {
        "account_sid": number.account,
        "phone_number": number.number,
        "capabilities": capabilities(number),
        "address_requirements": number.address,
        "uri": f"{ROOT}/Accounts/{number.account}/IncomingPhoneNumbers/{record['sid']}.json",
    }
    return record | {"type": number.type} if full else record


def account_of(request: Request, world: World) -> Account:
    account = world.account(CARRIER, request.path_params["account"])
    assert account is not None
    return account


def list_numbers(kind: str | None) -> Callable[[Request, World], Response]:
    def work(request: Request, world: World) -> Response:
        account = account_of(request, world)
        give_trial_number(world, account)
        wanted = filters(request, kind)
        page = Page.of(request)
        exact = world.number(CARRIER, request.query_params.get("PhoneNumber", ""))

        def forward(token: str | None) -> Iterable[Number]:
            if exact is not None and token is None:  # no other number contains a whole one
                shown = find(world, account.id, exact.wire.get("sid", ""))
                return [shown] if shown is not None and wanted(shown) else []
            return (number for number in newest_first(world, account.id, token) if wanted(number))

        def backward(token: str) -> Iterator[Number]:
            return (number for number in newer_than(world, account.id, token) if wanted(number))

        numbers, more = page.cut(forward, backward)
        rows = [resource(world, number, kind is None) for number in numbers]
        return listing(request, page, "incoming_phone_numbers", rows, more)

    return work


def filters(request: Request, kind: str | None) -> Callable[[Number], bool]:
    """PhoneNumber is a part of the number with `*` for any digit; FriendlyName and Origin are exact."""
    query = dict(request.query_params)
    name, origin, beta = query.get("FriendlyName"), query.get("Origin"), flag(query, "Beta", default=True)
    digits = query.get("PhoneNumber", "").strip()
    pattern = re.compile(re.escape(digits).replace(r"\*", r"\d")) if digits else None

    def wanted(number: Number) -> bool:
        wire = number.wire
        return (
            (kind is None or number.type == kind)
            and (name is None or wire["friendly_name"] == name)
            and (pattern is None or pattern.search(number.number) is not None)
            and (origin is None or wire["origin"] == origin)
            and (beta or not wire["beta"])
        )

    return wanted


def create_number(kind: str | None) -> Callable[[Request, World], Response]:
    def work(request: Request, world: World) -> Response:
        form, account = request.state.form, account_of(request, world)
        check_form(form, kind)
        check_settings(form, {})
        if account.extra.get("test"):
            made = Number(CARRIER, magic_number(world, form), account=account.id)
            made.wire = new_record(world, made.number)
            apply(made, form)
            return answer(resource(world, made, kind is None), 201)
        give_trial_number(world, account)
        number = choose(world, account, form, kind)
        again = number.account is not None
        if not again:
            buy(world, account, number)
        if not again or world.switches["twilio_rebuy"] == "update":
            apply(number, {name: value for name, value in form.items() if name != "EmergencyAddressSid"})
        return answer(resource(world, number, kind is None), 201)

    return work


def fetch_number(request: Request, world: World) -> Response:
    return answer(resource(world, the_number(request, world)))


def update_number(request: Request, world: World) -> Response:
    number, form = the_number(request, world), request.state.form
    check_settings(form, number.wire)
    check_sms(number, form)
    if form.get("AddressSid") and "AccountSid" not in form:
        check_address(world, account_of(request, world), number, form["AddressSid"])
    target = check_transfer(world, request.state.caller, number, form) if "AccountSid" in form else number.account
    apply(number, form)
    if target is not None and target != number.account:
        hand_over(world, number, target)
    return answer(resource(world, number))


def delete_number(request: Request, world: World) -> Response:
    number = the_number(request, world)
    if number.wire.get("emergency_address_status") == "registered":
        raise switched(world, "twilio_refusal_emergency_address")
    give_up(world, number, for_sale=bool(world.switches["twilio_released_for_sale"]))
    return answer(None, 204)


def the_number(request: Request, world: World) -> Number:
    number = find(world, request.path_params["account"], request.path_params["sid"])
    if number is None:
        raise not_found(request)
    return number


def check_settings(form: dict[str, str], record: dict[str, Any]) -> None:
    """What create and update refuse alike; nothing is changed where anything is refused."""
    for name, setting in SETTINGS.items():
        if name in form and not re.fullmatch(setting.pattern, form[name], re.DOTALL):
            raise Refused(setting.code, setting.says.format(name))
    for code, name in ((21405, "Voice"), (21406, "Sms")):
        primary = form.get(f"{name}Url", record.get(snake(f"{name}Url")))
        if form.get(f"{name}FallbackUrl") and not primary:
            raise Refused(code, f"{name}FallbackUrl requires {name}Url")


def apply(number: Number, form: dict[str, str]) -> None:
    """Write the form into the number's record.

    Setting a trunk deletes the voice application and the reverse (documented); an emergency address counts as
    registered at once.
    """
    wire = number.wire
    for name, setting in SETTINGS.items():
        if form.get(name) and name != "EmergencyStatus":
            wire[snake(name)] = setting.keep(form[name])
        elif name in form and name in URLS:
            wire[snake(name)] = ""
        elif name in form and (name in SIDS or name in APPLICATIONS):
            wire[snake(name)] = None
    if form.get("TrunkSid"):
        wire["voice_application_sid"] = None
    elif form.get("VoiceApplicationSid"):
        wire["trunk_sid"] = None
    wire["emergency_address_status"] = "registered" if wire["emergency_address_sid"] else "unregistered"
    wire["date_updated"] = rfc2822(World.now())
