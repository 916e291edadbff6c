"""`trunkline endpoints`: where events are sent."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from trunkline.cli import show
from trunkline.cli.asking import FAILED, agreed, asking
from trunkline.cli.events import Types
from trunkline.cli.options import TIMES, Json, Reason, Yes, in_utc
from trunkline.cli.output import say

if TYPE_CHECKING:
    from trunkline.client.models import Endpoint, MadeEndpoint

app = typer.Typer(no_args_is_help=True)
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's id.")]
EventId = Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.")]
Url = Annotated[str, typer.Argument(metavar="URL", help="https, and a public address.")]
Description = Annotated[str | None, typer.Option(help="Whose it is, for whoever reads it later.")]


@app.command()
def create(
    url: Url,
    types: Types = None,
    format: Annotated[Literal["json", "slack"], typer.Option(help="What is sent.")] = "json",
    description: Description = None,
    json: Json = False,
) -> None:
    """Have events sent somewhere. The secret is shown this once.

    \b
    Example:
      trunkline endpoints create https://example.com/trunkline --type debt.opened
    """
    with asking() as client:
        made = client.create_endpoint(url, types=types or (), format=format, description=description)
    tell(made, json)


@app.command("list")
def list_all(json: Json = False) -> None:
    """List endpoints, oldest first.

    \b
    Example:
      trunkline endpoints list
    """
    with asking() as client:
        found = list(client.endpoints())
    if json:
        show.as_json(found)
        return
    rows = [(e.id, e.url, " ".join(e.types) or "all", e.status, e.failing_since, e.description) for e in found]
    show.table(["id", "url", "types", "status", "failing since", "description"], rows, "events are sent nowhere")


@app.command()
def change(
    endpoint: EndpointId,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    types: Types = None,
    description: Description = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Send there again, or not.")] = None,
    reason: Reason = None,
    json: Json = False,
) -> None:
    """Change, enable or disable an endpoint. Enabled again it gets what has happened meanwhile.

    \b
    Example:
      trunkline endpoints change ep_0dm9s3t6yw1d4k8m --enable
    """
    given: dict[str, Any] = {"url": url, "types": types, "description": description, "enabled": enabled}
    with asking() as client:
        changed = client.change_endpoint(
            endpoint, reason=reason, **{name: value for name, value in given.items() if value is not None}
        )
    tell(changed, json)


@app.command()
def delete(endpoint: EndpointId, reason: Reason = None, yes: Yes = False, json: Json = False) -> None:
    """Send nothing there any more.

    \b
    Example:
      trunkline endpoints delete ep_0dm9s3t6yw1d4k8m
    """
    with asking() as client:
        if not agreed("Send nothing there any more, not even what waits?", yes):
            return
        tell(client.delete_endpoint(endpoint, reason=reason), json)


@app.command()
def rotate(endpoint: EndpointId, reason: Reason = None, json: Json = False) -> None:
    """Give an endpoint another secret. For 24 h what is sent is signed with that until now as well.

    \b
    Example:
      trunkline endpoints rotate ep_0dm9s3t6yw1d4k8m
    """
    with asking() as client:
        made = client.rotate_endpoint(endpoint, reason=reason)
    tell(made, json)


@app.command()
def example(
    endpoint: EndpointId,
    type: Annotated[str, typer.Option(help="Of which type.")] = "number.assigned",
    json: Json = False,
) -> None:
    """Send an example at once, and say what came of it.

    \b
    Example:
      trunkline endpoints example ep_0dm9s3t6yw1d4k8m --type debt.opened
    """
    with asking() as client:
        sent = client.send_example(endpoint, type=type)
    if json:
        show.as_json(sent)
    else:
        say(sent.error or f"it answered {sent.status}: {sent.answer}")
    if sent.status is None or not 200 <= sent.status < 300:
        raise typer.Exit(FAILED)


@app.command()
def deliveries(
    endpoint: EndpointId,
    status: Annotated[Literal["waiting", "delivered", "failed"] | None, typer.Option(help="Only those.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    json: Json = False,
) -> None:
    """List what was sent to an endpoint, of the newest events first.

    \b
    Example:
      trunkline endpoints deliveries ep_0dm9s3t6yw1d4k8m --status failed
    """
    with asking() as client:
        found = list(islice(client.deliveries(endpoint, status=status), limit))
    if json:
        show.as_json(found)
        return
    rows = []
    for one in found:
        last = one.attempts[-1] if one.attempts else None
        said = (last.error or f"{last.status} {last.answer or ''}"[:80]) if last else None
        rows.append((one.event_id, one.status, len(one.attempts), one.next_try_at, said))
    show.table(["event", "status", "attempts", "next try", "last answer"], rows, "nothing was sent there")


@app.command()
def resend(endpoint: EndpointId, event: EventId, json: Json = False) -> None:
    """Send one event again, whatever came of it.

    \b
    Example:
      trunkline endpoints resend ep_0dm9s3t6yw1d4k8m evt_0dm2p8v2a7c4h9sw
    """
    with asking() as client:
        sent = client.resend_event(endpoint, event)
    if json:
        show.as_json(sent)
    else:
        say(f"{event} is sent again")


@app.command()
def recover(
    endpoint: EndpointId,
    since: Annotated[datetime, typer.Option(formats=TIMES, help="What has not arrived since then, in UTC.")],
    json: Json = False,
) -> None:
    """Send again, at once, what has not arrived since a moment.

    \b
    Example:
      trunkline endpoints recover ep_0dm9s3t6yw1d4k8m --since 2026-03-01
    """
    moment = in_utc(since)
    assert moment is not None
    with asking() as client:
        recovered = client.recover_endpoint(endpoint, moment)
    if json:
        show.as_json(recovered)
    else:
        say(f"{show.times(recovered.events, 'event')} sent again")


def tell(endpoint: Endpoint | MadeEndpoint, json: bool) -> None:
    if json:
        show.as_json(endpoint)
        return
    show.facts(
        [
            ("secret", getattr(endpoint, "secret", None)),
            ("id", endpoint.id),
            ("url", endpoint.url),
            ("types", ", ".join(endpoint.types) or "all"),
            ("format", endpoint.format),
            ("status", endpoint.status),
            ("because", endpoint.disabled_reason),
        ]
    )
