"""Options that several commands have."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from trunkline.client.operations.common import Criteria

CarrierName = Literal["twilio", "telnyx", "vonage", "vapi", "byo"]
TypeName = Literal["local", "mobile", "toll_free", "national"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON with the API's fields.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV with the API's fields.")]
One = Annotated[str, typer.Argument(metavar="NUMBER", help="In E.164, like +14155550123.")]
RestaurantName = Annotated[
    str, typer.Argument(metavar="RESTAURANT", help="The restaurant's id, external_id or exact name.")
]
Pick = Annotated[
    str | None, typer.Option("--number", help="Exactly this number: an idle one of ours, or one that is for sale.")
]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", metavar="KEY=VALUE", help="Kept for you; may be given several times.")
]
Reason = Annotated[str | None, typer.Option(help="Why, for whoever reads it later.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Country = Annotated[str | None, typer.Option(help="Two-letter ISO code; the server's DEFAULT_COUNTRY if left out.")]
AreaCode = Annotated[str | None, typer.Option(help="Three digits, in the US and Canada.")]
Contains = Annotated[str | None, typer.Option(help="Digits that the number has in a row.")]
Type = Annotated[TypeName | None, typer.Option("--type", help="Kind of number.")]
Carrier = Annotated[CarrierName | None, typer.Option(help="Only this carrier; else all, in the server's order.")]
ForceTwilio = Annotated[bool, typer.Option("--force-twilio", help="Skip existing numbers and use Twilio.")]

Force = Annotated[
    bool, typer.Option("--force", help="End the keys until now at once, also within 24 h of the last time.")
]
TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def in_utc(moment: datetime | None) -> datetime | None:
    """What was given in one of these forms."""
    from datetime import UTC

    return moment.replace(tzinfo=UTC) if moment else None


def pairs(given: list[str] | None, option: str = "--metadata", what: str = "KEY=VALUE") -> dict[str, str]:
    """A name and its value, each; an empty value deletes its key."""
    for text in given or []:
        if "=" not in text:
            raise typer.BadParameter(f"{text!r} is not {what}", param_hint=option)
    return {key: value for key, _, value in (text.partition("=") for text in given or [])}


def criteria(
    country: str | None, area_code: str | None, contains: str | None, number_type: str | None, carrier: str | None
) -> Criteria:
    return {
        "country": country,
        "area_code": area_code,
        "contains": contains,
        "number_type": number_type,
        "carrier": carrier,
    }
