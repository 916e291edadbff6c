"""The addresses and bundles that Twilio wants for numbers: what is set, and what refusals have taught."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from trunkline.domain.choosing import Offer
from trunkline.domain.numbers import NumberType
from trunkline.errors import ActionRequired, AddressDoesNotFit
from trunkline.settings import Settings, by_country

ADDRESS_CODES = {21613, 21615, 21631}
BUNDLE_CODES = {21649, 21650, 21651}
NOT_LOCAL = 21615
NOT_SATISFIED = 21651
WANTED = {code: "an address" for code in ADDRESS_CODES} | {code: "a regulatory bundle" for code in BUNDLE_CODES}


class Papers:
    """What goes with a purchase in each country. The town of an offer is its token: a number may want an address in its
    own town, and Twilio's search tells which that is."""

    def __init__(self, settings: Settings) -> None:
        self._addresses, self._bundles = settings.twilio_address_sid, settings.twilio_bundle_sid
        self._bundle_wanted: set[tuple[str, NumberType]] = set()
        self._unfit_towns: dict[str, set[str]] = defaultdict(set)  # by country, for the address that is set there

    def form(self, country: str) -> dict[str, str]:
        """The fields of a purchase."""
        fields = {"AddressSid": by_country(self._addresses, country), "BundleSid": by_country(self._bundles, country)}
        return {name: sid for name, sid in fields.items() if sid}

    def needs(self, item: dict[str, Any], country: str, kind: NumberType) -> tuple[str, ...]:
        """The search tells the need of an address; that of a bundle shows only when a purchase is refused for it."""
        address = () if item.get("address_requirements") in (None, "none") else ("address",)
        return (*address, "bundle") if (country, kind) in self._bundle_wanted else address

    def is_choosy(self, country: str) -> bool:
        """Whether the address of this country was refused for some town."""
        return bool(self._unfit_towns[country])

    def is_unfit(self, country: str, town: str) -> bool:
        return town.casefold() in map(str.casefold, self._unfit_towns[country])

    def fitting(self, offers: list[Offer]) -> list[Offer]:
        """Without those of towns that the address was refused for; all of them where none is left."""
        return [offer for offer in offers if (offer.token or "") not in self._unfit_towns[offer.country]] or offers

    def refused(self, error: ActionRequired, offer: Offer) -> ActionRequired:
        """The refusal with the setting that is to be filled in, where it was about an address or a bundle."""
        code, country, sent = int(error.vendor_code or 0), offer.country, self.form(offer.country)
        if code == NOT_LOCAL and "AddressSid" in sent:
            return self._unfit(error, offer)
        if code == NOT_SATISFIED and "AddressSid" in sent and "BundleSid" not in sent:
            error.hint = (
                f"see in the Twilio console that TWILIO_ADDRESS_SID={country}=... names an address of this account "
                f"that these numbers take; else {self._bundle(offer)}"
            )
        elif code in ADDRESS_CODES:
            place = f"{offer.token} ({country})" if code == NOT_LOCAL and offer.token else country
            error.hint = (
                f"make an address valid for {place} in the Twilio console (Regulatory compliance, Addresses) "
                f"and set TWILIO_ADDRESS_SID={country}=AD..."
            )
        elif code in BUNDLE_CODES:
            self._bundle_wanted.add((country, offer.number_type))
            error.hint = self._bundle(offer)
        return error

    def _unfit(self, error: ActionRequired, offer: Offer) -> AddressDoesNotFit:
        unfit = self._unfit_towns[offer.country]
        if offer.token:
            unfit.add(offer.token)
        return AddressDoesNotFit(
            f"the address that is set for {offer.country} is not in the area of {offer.number}: {error.detail}",
            vendor_code=error.vendor_code,
            hint=f"numbers were refused that want an address in {', '.join(sorted(unfit)) or 'their own area'}: set "
            f"TWILIO_ADDRESS_SID={offer.country}=AD... to one there, or ask for digits of where the present one is",
        )

    @staticmethod
    def _bundle(offer: Offer) -> str:
        return (
            f"get a regulatory bundle for {offer.number_type} numbers in {offer.country} approved in the Twilio "
            f"console and set TWILIO_BUNDLE_SID={offer.country}=BU..."
        )
