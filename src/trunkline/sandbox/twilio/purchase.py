"""Who may buy which number at Twilio, and the magic numbers of the test credentials."""

from __future__ import annotations

import re
from typing import Any, Literal

from trunkline.sandbox.twilio.addresses import NO_ADDRESS, check_address
from trunkline.sandbox.twilio.search import capabilities
from trunkline.sandbox.twilio.state import candidates, counted, parent_of, payer, take
from trunkline.sandbox.twilio.stock import CARRIER, NANP
from trunkline.sandbox.twilio.wire import Refused, switched
from trunkline.sandbox.world import Account, Number, Switch, World

E164 = re.compile(r"\+[1-9]\d{7,14}")

# Both of these 21404 texts are recorded word by word, and programs tell them apart by the text alone.
TRIAL_LIMIT = (
    "Trial accounts are allowed only one Twilio number. To purchase additional numbers, please upgrade your account."
)
TRIAL_UNVERIFIED = "Trial accounts must verify a phone number before purchasing a Twilio number."
NO_BUNDLE = (
    "To purchase or transfer this number you must provide a bundle compliant with the rules for the country and number "
    "type. More information here: "
    "https://www.twilio.com/docs/phone-numbers/regulatory/phone-numbers-regulatory-requirements-customers"
)

Wording = dict[str, Any]


def wording(code: int, message: str) -> Wording:
    return {"status": 400, "code": code, "message": message}


SWITCHES = {
    "twilio_rebuy": Switch(
        "update",
        Literal["update", "ignore"],
        "buying an owned number again sets what the request says (Twilio's support, 2019), or ignores it (as in 2011)",
    ),
    "twilio_trial_limit": Switch(
        21404,
        Literal[21404, 10002],
        "the code of a trial account's second purchase: 21404 is recorded, 10002 is the newer page of the dictionary",
    ),
    "twilio_trial_verified": Switch(
        True, bool, "off: trial accounts have verified no telephone number yet and may buy nothing"
    ),
    "twilio_trial_auto_number": Switch(
        False, bool, "a trial account has been given a toll-free number, which is listed and counts as its one"
    ),
    "twilio_purchase_cap": Switch(0, int, "how many numbers a paid account may hold before 22300; 0: no cap"),
    "twilio_listing_lag_seconds": Switch(
        0, float, "how long a number that was just bought is in no list and unknown by its SID"
    ),
    "twilio_released_for_sale": Switch(
        False, bool, "a released number is for sale again at once; off: kept back for ten days of Released Numbers"
    ),
    "twilio_unset_url": Switch("", Literal["", None], "what a URL shows that is not set; both are recorded"),
    # How Twilio words what no public source shows in full.
    "twilio_refusal_10002": Switch(
        wording(10002, "Trial accounts do not support the feature you tried to use"),
        Wording,
        "status and words of 10002",
    ),
    "twilio_refusal_22300": Switch(
        wording(22300, "This account is restricted from provisioning new long code phone numbers"),
        Wording,
        "status and words of 22300",
    ),
    "twilio_refusal_no_number": Switch(
        wording(21421, "An area code or number must be provided"), Wording, "a purchase of nothing in particular"
    ),
    "twilio_refusal_empty_balance": Switch(
        wording(20005, "Account not active"), Wording | None, "a purchase that is not covered; null: it goes through"
    ),
    "twilio_refusal_emergency_address": Switch(
        wording(20001, "A registered emergency address must be removed before the number is released"),
        Wording,
        "the release of a number with a registered emergency address",
    ),
}

MAGIC_GOOD = "+15005550006"
MAGIC_TAKEN = "+15005550000"


def check_form(form: dict[str, str], kind: str | None) -> None:
    """Under /Local, /TollFree and /Mobile there is no purchase by area code."""
    if kind is not None and form.get("AreaCode"):
        raise Refused(21457, "AreaCode Parameter not Supported")


def magic_number(world: World, form: dict[str, str]) -> str:
    """What the test credentials "buy": nothing happens, and only the documented values mean something."""
    digits, area = form.get("PhoneNumber"), form.get("AreaCode")
    if digits == MAGIC_GOOD or (not digits and area == "500"):
        return MAGIC_GOOD
    if digits == MAGIC_TAKEN:
        raise Refused(21422, f"{digits} is not available")
    if digits:
        raise Refused(21421, f"{digits} is not a valid number")
    if area:
        raise Refused(21452, "No phone numbers found")
    raise switched(world, "twilio_refusal_no_number")


def choose(world: World, account: Account, form: dict[str, str], kind: str | None) -> Number:
    """The number that this form asks for: the account's own, or one that it may buy now."""
    digits, area = form.get("PhoneNumber", "").strip(), form.get("AreaCode", "").strip()
    if not digits and not area:
        raise switched(world, "twilio_refusal_no_number")
    if digits and not E164.fullmatch(digits):
        raise Refused(21421, f"{digits} is not a valid number")
    number = world.number(CARRIER, digits) if digits else None
    if number is not None and number.account == account.id:
        return number
    check_account(world, account)
    number = number if digits else by_area(world, area)
    if number is None or number.account is not None or number.held_for is not None:
        raise Refused(21422, f"{digits} is not available")
    if kind is not None and number.type != kind:
        raise Refused(21458, f"{digits} is not a {kind.replace('_', ' ')} number")
    check_papers(world, account, number, form)
    check_sms(number, form)
    if not payer(world, account).trial:
        check_balance(world, payer(world, account), number)
    return number


def check_account(world: World, account: Account) -> None:
    """Trials hold one number, and none on a subaccount."""
    if not payer(world, account).trial:
        cap = int(world.switches["twilio_purchase_cap"])
        if cap and counted(world, account.id) >= cap:
            raise switched(world, "twilio_refusal_22300")
        return
    if not world.switches["twilio_trial_verified"]:
        raise Refused(21404, TRIAL_UNVERIFIED)
    if parent_of(account):
        raise switched(world, "twilio_refusal_10002")
    if counted(world, account.id):
        if int(world.switches["twilio_trial_limit"]) == 10002:
            raise switched(world, "twilio_refusal_10002")
        raise Refused(21404, TRIAL_LIMIT)


def by_area(world: World, area: str) -> Number:
    if not re.fullmatch(r"\d{3}", area):
        raise Refused(21451, "Invalid area code")
    for country in NANP:
        for kind in ("local", "toll_free"):
            for digits in candidates(world, country, kind, AreaCode=area):
                number = world.number(CARRIER, digits)
                if number is not None and number.account is None and number.held_for is None:
                    return number
    raise Refused(21452, "No phone numbers found")


def check_papers(world: World, account: Account, number: Number, form: dict[str, str]) -> None:
    if number.address != "none" and not form.get("AddressSid"):
        raise Refused(21631, NO_ADDRESS)
    if form.get("AddressSid"):
        check_address(world, account, number, form["AddressSid"])
    if number.bundle and not form.get("BundleSid"):
        raise Refused(21649, NO_BUNDLE)


def check_sms(number: Number, form: dict[str, str]) -> None:
    if not capabilities(number)["sms"] and (form.get("SmsUrl") or form.get("SmsFallbackUrl")):
        raise Refused(21407, "This Phone Number type does not support SMS")


def check_balance(world: World, who: Account, number: Number) -> None:
    if who.balance < number.price and world.switches["twilio_refusal_empty_balance"] is not None:
        raise switched(world, "twilio_refusal_empty_balance")


def buy(world: World, account: Account, number: Number) -> None:
    """The number is the account's; a trial has free units instead of a balance."""
    who = payer(world, account)
    if not who.trial:
        who.balance -= number.price
    take(world, number, account.id, float(world.switches["twilio_listing_lag_seconds"]))


def give_trial_number(world: World, account: Account) -> None:
    """A trial's own toll-free number, once, where the switch says that it shows."""
    if not account.trial or not world.switches["twilio_trial_auto_number"] or account.extra.get("given"):
        return
    for digits in candidates(world, "US", "toll_free"):
        number = world.number(CARRIER, digits)
        if number is not None and number.account is None and number.held_for is None:
            account.extra["given"] = digits
            take(world, number, account.id)
            return


def check_transfer(world: World, caller: Account, number: Number, form: dict[str, str]) -> str:
    """The account that the number goes to; titles of the error dictionary 21470-21474, 21613, 21649."""
    target = form["AccountSid"]
    if not target:
        raise Refused(21471, "AccountSid is missing")
    if not re.fullmatch(r"AC[0-9a-fA-F]{32}", target):
        raise Refused(21470, "Invalid AccountSid")
    if parent_of(caller):
        raise Refused(21474, "API User must be the parent account to transfer phone numbers.")
    account = world.account(CARRIER, target)
    if account is None or caller.id not in (account.id, parent_of(account)):
        raise Refused(
            21473, "AccountSid you are transferring to is not related to the originating owner of the phone number"
        )
    if account.extra.get("status", "active") != "active":
        raise Refused(21472, "Account is not active")
    if form.get("AddressSid"):
        check_address(world, account, number, form["AddressSid"])
    if target != number.account:
        if number.address != "none" and not form.get("AddressSid"):
            raise Refused(21613, "PhoneNumber Requires Certification")
        if number.bundle and not form.get("BundleSid"):
            raise Refused(21649, NO_BUNDLE)
    return target
