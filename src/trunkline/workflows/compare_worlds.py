"""Where carriers, Vapi and our own tables say different things; nothing is asked and nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from trunkline.carriers.base import Capabilities
from trunkline.db.books import HELD
from trunkline.db.models import Number
from trunkline.db.numbers import LISTED_AFTER
from trunkline.domain.choosing import OwnedNumber, is_ours_to_use
from trunkline.domain.drifts import Drift, DriftKind, Facts, Found
from trunkline.domain.marks import carries_mark_of, other_installation, parse_mark
from trunkline.domain.money import Money, money
from trunkline.domain.numbers import NumberState
from trunkline.voice.base import VoiceNumber
from trunkline.workflows.accounts import VOICE
from trunkline.workflows.services import Services, asks_our_server, leads_to_vapi
from trunkline.workflows.worlds import AtCarrier, Worlds


class Comparison:
    """One comparison of all sides. `prices` are the carriers' list prices by (carrier, country, type); `elsewhere` are
    the numbers that a look has found in another account of ours, with that account, and `gone` those that it has found
    in none."""

    def __init__(
        self,
        services: Services,
        worlds: Worlds,
        *,
        prices: dict[tuple[str, str, str], Money],
        elsewhere: dict[str, str],
        gone: set[str],
        called: dict[str, datetime],
    ) -> None:
        self._services, self._worlds, self._books = services, worlds, worlds.books
        self._prices, self._elsewhere, self._gone, self._called = prices, elsewhere, gone, called

    def found(self) -> Iterator[Found]:
        for row in self._books.held:
            if row.number not in self._books.busy:
                yield from self._at_carrier(row)
                yield from self._at_vapi(row)
        for listing in self._worlds.carriers.values():
            yield from self._beside_books(listing)
        yield from self._accounts()
        for restaurant_id, number, carrier in self._books.lost:
            said = "has none since this one was gone"
            yield Found(Drift(DriftKind.LOST_NUMBER, carrier or VOICE, number, restaurant_id, books_say=said))

    # --- a number of the books ---------------------------------------------------------------------------------------

    def _at_carrier(self, row: Number) -> Iterator[Found]:
        listing = self._worlds.carriers.get(row.carrier or "")
        if listing is None:
            return
        owned = listing.held.get(row.number)
        if owned is None:
            if row.number in self._elsewhere:
                account = self._elsewhere[row.number]
                yield self._of(DriftKind.MOVED, row, carrier_says=f"held by account {account}")
            elif row.number in self._gone:
                yield self._of(DriftKind.GHOST, row, carrier_says="not held", called=True)
            return
        if owned.account and row.account and owned.account != row.account:
            yield self._of(DriftKind.MOVED, row, carrier_says=f"held by account {owned.account}")
        if (whose := other_installation(self._services.installation, owned.mark_text)) is not None:
            yield self._of(DriftKind.OTHER_INSTALLATION, row, carrier_says=f"carries the mark of {whose}")
        elif self._is_led_away(row, owned):
            answered = f"answered by {owned.used_by or 'nothing'}"
            in_service = row.state == NumberState.IN_SERVICE
            yield self._of(DriftKind.WEBHOOK_DRIFTED, row, carrier_says=answered, ours=in_service)
        yield from self._priced(row, owned)

    def _is_led_away(self, row: Number, owned: OwnedNumber) -> bool:
        can = self._capabilities(row.carrier)
        if can is None or not (can.imported and can.sells):
            return False
        if row.state == NumberState.IN_SERVICE:
            return not arrives(owned, row)
        return owned.used_by is not None and not arrives(owned, row)

    def _priced(self, row: Number, owned: OwnedNumber) -> Iterator[Found]:
        listed = self._prices.get((row.carrier or "", row.country or "", row.number_type or ""))
        if owned.monthly_price is not None and owned.currency is not None:
            listed = Money(owned.monthly_price, owned.currency)
        if (
            listed is None
            or row.monthly_price is None
            or (row.monthly_price, row.currency)
            == (
                listed.amount,
                listed.currency,
            )
        ):
            return
        told = self._of(DriftKind.PRICE_CHANGED, row, carrier_says=money(listed.amount, listed.currency))
        dearer = listed.amount - row.monthly_price if listed.currency == row.currency else None
        yield replace(told, drift=replace(told.drift, monthly=dearer, currency=listed.currency if dearer else None))

    def _at_vapi(self, row: Number) -> Iterator[Found]:
        vapi = self._worlds.vapi
        records = vapi.records.get(row.number, [])
        if row.number in self._gone or row.number in self._elsewhere:
            return
        if not records:
            in_vapi = row.state == NumberState.IN_SERVICE or row.voice_id is not None
            if vapi.whole and in_vapi and self._is_still_held(row):
                yield self._of(DriftKind.MISSING_IN_VAPI, row, voice_says="not there")
            return
        mine = next((record for record in records if record.id == row.voice_id), records[0])
        if self._has_old_keys(row):
            yield self._of(DriftKind.STALE_CREDENTIAL, row, voice_says="has the keys from before they were changed")
        if len(records) > 1:
            free = all(self._services.is_ours(r, vapi.shared, row.target) for r in records if r is not mine)
            yield self._of(DriftKind.TWICE_IN_VAPI, row, voice_says=f"{len(records)} records", ours=free)
        if (whose := other_installation(self._services.installation, mine.name)) is not None:
            yield self._of(DriftKind.OTHER_INSTALLATION, row, voice_says=f"carries the mark of {whose}")
        elif self._is_misrouted(row, mine):
            ours = self._may_repoint(row, mine)
            yield self._of(DriftKind.MISROUTED, row, voice_says=mine.answerer, ours=ours)

    def _is_misrouted(self, row: Number, record: VoiceNumber) -> bool:
        target = self._worlds.vapi.target
        if row.state == NumberState.IDLE:
            return record.connected
        if row.state != NumberState.IN_SERVICE or target is None:
            return False
        if target.server_url is not None and target.server_credential_id is None:  # not made yet, or not shown to us
            return record.other_target or (record.assistant_id, record.server_url) != (None, target.server_url)
        return not record.answered_by(target)

    def _has_old_keys(self, row: Number) -> bool:
        """What another account holds has never had the keys of this one."""
        listing = self._worlds.carriers.get(row.carrier or "")
        if listing is None or listing.keys_in_voice is None or row.number not in listing.held:
            return False
        return listing.keys_in_voice != listing.keys

    def _may_repoint(self, row: Number, record: VoiceNumber) -> bool:
        """It serves nobody else, or is ours by the mark, whatever somebody has set to answer it."""
        listing = self._worlds.carriers.get(row.carrier or "")
        owned = listing.held.get(row.number) if listing is not None else None
        if carries_mark_of(self._services.installation, record.name, owned.mark_text if owned is not None else None):
            return True
        return asks_our_server(record) or self._services.is_ours(record, self._worlds.vapi.shared, row.target)

    def _is_still_held(self, row: Number) -> bool:
        """Vapi's own numbers are held where they are in Vapi; any other must be shown by its carrier to be imported."""
        listing = self._worlds.carriers.get(row.carrier or "")
        return listing is not None and row.number in listing.held

    # --- a number that the books do not hold -------------------------------------------------------------------------

    def _beside_books(self, listing: AtCarrier) -> Iterator[Found]:
        """What the account holds for others is only counted."""
        numbers = [n for n in listing.held if n not in self._books.busy and not self._is_held(n)]
        found = [one for n in numbers for one in self._not_in_books(listing, listing.held[n])]
        foreign = sum(one.drift.kind is DriftKind.FOREIGN for one in found)
        yield from (one for one in found if one.drift.kind is not DriftKind.FOREIGN)
        if foreign:
            told = f"{foreign} of its numbers are used by somebody else"
            yield Found(Drift(DriftKind.FOREIGN, listing.provider, carrier_says=told))

    def _not_in_books(self, listing: AtCarrier, owned: OwnedNumber) -> Iterator[Found]:
        records, row = self._worlds.vapi.records.get(owned.number, []), self._books.rows.get(owned.number)
        texts = [owned.mark_text, *(record.name for record in records)]
        marks = [mark for mark in map(parse_mark, texts) if mark is not None]
        if (whose := other_installation(self._services.installation, *texts)) is not None:
            yield self._beside(DriftKind.OTHER_INSTALLATION, listing, owned, f"carries the mark of {whose}")
            return
        if row is not None and row.state in (NumberState.PURCHASING, NumberState.RELEASING):
            return
        if any(mark.assignment_id in self._books.runs_at_work for mark in marks):
            return
        free = is_free(self._services, owned, records[0] if records else None, self._worlds.vapi.shared)
        if row is not None and row.state == NumberState.RELEASED and (free or marks):
            if is_listed_late(row, self._worlds.began_at):
                return
            yield self._beside(DriftKind.STILL_BILLED, listing, owned, "given back", ours=free)
        elif marks:
            yield self._beside(DriftKind.ORPHAN, listing, owned, f"carries our mark {marks[0]}", ours=free)
        elif free:
            yield self._beside(DriftKind.ADOPTABLE, listing, owned, "")
        else:
            yield self._beside(DriftKind.FOREIGN, listing, owned, "")

    def _beside(
        self, kind: DriftKind, listing: AtCarrier, owned: OwnedNumber, said: str, *, ours: bool = True
    ) -> Found:
        row, records = self._books.rows.get(owned.number), self._worlds.vapi.records.get(owned.number, [])
        carrier_says = "held" + (f", answered by {owned.used_by}" if owned.used_by else ", answered by nothing")
        if kind is not DriftKind.STILL_BILLED and said:
            carrier_says = f"{carrier_says}, {said}"
        drift = Drift(
            kind,
            listing.provider,
            owned.number,
            carrier_says=carrier_says,
            voice_says=records[0].answerer if records else "not there",
            books_say=row.state.replace("_", " ") if row is not None and row.state != NumberState.FOREIGN else "",
        )
        price, currency = self._price_of(listing.provider, owned, row)
        protected = row is not None and row.protected
        return Found(drift, Facts(price, currency, protected, self._called.get(owned.number), ours))

    def _price_of(self, carrier: str, owned: OwnedNumber, row: Number | None) -> tuple[Decimal | None, str | None]:
        if owned.monthly_price is not None:
            return owned.monthly_price, owned.currency
        kind = (carrier, owned.country or "", owned.number_type.value if owned.number_type else "")
        if (listed := self._prices.get(kind)) is not None:
            return listed.amount, listed.currency
        return (row.monthly_price, row.currency) if row is not None else (None, None)

    # --- the rest ----------------------------------------------------------------------------------------------------

    def _accounts(self) -> Iterator[Found]:
        vapi = self._worlds.vapi
        if vapi.dead is not None and any(row.state == NumberState.IN_SERVICE for row in self._books.held):
            yield Found(Drift(DriftKind.DEAD_TARGET, VOICE, voice_says=vapi.dead, books_say="answers every number"))

    def _is_held(self, number: str) -> bool:
        row = self._books.rows.get(number)
        return row is not None and row.state in HELD

    def _capabilities(self, carrier: str | None) -> Capabilities | None:
        found = self._services.carriers.get(carrier or "")
        return found.capabilities if found is not None else None

    def _of(
        self,
        kind: DriftKind,
        row: Number,
        *,
        carrier_says: str = "",
        voice_says: str = "",
        ours: bool = True,
        called: bool = False,
    ) -> Found:
        serves = self._books.serves.get(row.number)
        price = f", {money(row.monthly_price, row.currency)}" if row.monthly_price is not None else ""
        at_vapi = self._worlds.vapi.records.get(row.number)
        drift = Drift(
            kind,
            row.carrier or VOICE,
            row.number,
            serves,
            carrier_says=carrier_says or self._held_words(row),
            voice_says=voice_says or (at_vapi[0].answerer if at_vapi else ""),
            books_say=row.state.replace("_", " ") + price,
        )
        return Found(drift, Facts(row.monthly_price, row.currency, row.protected, None, ours))

    def _held_words(self, row: Number) -> str:
        listing = self._worlds.carriers.get(row.carrier or "")
        return "held" if listing is not None and row.number in listing.held else ""


# --- rules -----------------------------------------------------------------------------------------------------------


def arrives(owned: OwnedNumber, row: Number) -> bool:
    """Whether calls get to Vapi, as far as the carrier tells. What links an application, and was linked before that
    was kept, cannot be judged."""
    unknown = owned.application is not None and "application" not in (row.target or {})
    return leads_to_vapi(owned, row.target) or unknown


def is_free(services: Services, owned: OwnedNumber, record: VoiceNumber | None, shared: str | None) -> bool:
    """Whether nobody uses a number of the account that the books do not hold: by its mark, by what answers it at the
    carrier, and by Vapi."""
    if not owned.voice:
        return False
    if record is None:
        return is_ours_to_use(owned, services.installation)
    if other_installation(services.installation, owned.mark_text, record.name) or is_led_elsewhere(owned, record):
        return False
    return services.is_ours(record, shared, None)


def is_led_elsewhere(owned: OwnedNumber, record: VoiceNumber) -> bool:
    """Whether something of somebody's own answers at the carrier what is in Vapi as well. An application may be Vapi's,
    as far as the carrier tells."""
    may_be_vapi = owned.by_vapi or owned.application is not None or record.native
    return owned.used_by is not None and not may_be_vapi


def is_listed_late(row: Number, began_at: datetime) -> bool:
    """Whether a list may still show what was given back a moment before."""
    return row.released_at is not None and began_at - row.released_at < LISTED_AFTER
