"""`trunkline demo`: every path of the chart, over HTTP, on a sandbox; each is compared with what the chart says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import httpx2
    from rich.table import Table

    from trunkline.settings import Settings

FIND = ("find_existing",)
ASK_CARRIER = ("check_carrier", "get_credential", "list_owned")
BUY = ("search", "purchase")
SERVE = ("import_number", "assign_assistant", "create_mapping")
OWNED = "+14155550190"


@dataclass(frozen=True)
class Expected:
    """What the chart says of one request: how it ends (a source, or the reason for no number), and its steps."""

    ends: str
    path: tuple[str, ...] = ()


NOT_ASKED = Expected("not asked")
NO_CARRIER = Expected("carrier_not_configured", (*FIND, "check_carrier"))
EXISTING = Expected("existing", (*FIND, "assign_existing"))
TAKES_OWNED = Expected("owned", (*FIND, *ASK_CARRIER, "use_owned", *SERVE))
PURCHASED = Expected("purchased", (*FIND, *ASK_CARRIER, *BUY, *SERVE))
FORCED = Expected("purchased", (*ASK_CARRIER, *BUY, *SERVE))
REFUSED = Expected("carrier_action_required", (*FIND, *ASK_CARRIER, *BUY))
SHARED = Expected("shared", (*FIND, *ASK_CARRIER, *BUY, "reuse_trial_number"))
OWN = ("existing", "owned", "purchased")


@dataclass(frozen=True)
class Row:
    """What one request came to, as the API answered it."""

    title: str
    number: str | None
    shared: bool
    ends: str
    path: tuple[str, ...]
    expected: Expected

    @classmethod
    def of(cls, title: str, restaurant: dict[str, Any], expected: Expected) -> Row:
        run = restaurant["assignment"]
        ends = (run["source"] or run["reason"] or run["status"]) if run else "not asked"
        path = tuple(step["name"] for step in run["steps"]) if run else ()
        return cls(title, restaurant["phone_number"], restaurant["shared"], ends, path, expected)

    @property
    def right(self) -> bool:
        """Whether all of it is what the chart says."""
        has_number, shares = self.expected.ends in (*OWN, "shared"), self.expected.ends == "shared"
        told = (self.ends, self.path, self.number is not None, self.shared)
        return told == (self.expected.ends, self.expected.path, has_number, shares)


@dataclass(frozen=True)
class Called:
    """One call, played without a phone: whose number was called, who should answer, and who did."""

    number: str
    expected: str
    answered: str

    @property
    def right(self) -> bool:
        return self.answered == self.expected


class Stage:
    """The server's API and the sandbox behind it, as the story needs them."""

    def __init__(self, sandbox: httpx2.Client, settings: Settings) -> None:
        self.sandbox = sandbox
        self.settings = settings
        self.rows: list[Row] = []
        self.calls: list[Called] = []

    @contextmanager
    def serving(self, **changes: Any) -> Iterator[None]:
        """The real server on a free port, with our settings but for these."""
        import httpx2

        from trunkline.cli.servers import api_server, in_background, listen

        settings = self.settings.model_copy(update=changes)
        assert settings.vapi_secret_key is not None
        headers = {"X-Vapi-Secret": settings.vapi_secret_key.get_secret_value()}
        with (
            in_background(api_server(settings, listen("127.0.0.1", 0))) as server,
            httpx2.Client(base_url=server.url, headers=headers, timeout=60) as self.api,
        ):
            self.reached = settings.model_copy(update={"public_backend_url": server.url})
            yield

    def create(self, name: str, expected: Expected, **body: Any) -> str:
        """Create a restaurant; its id."""
        answer = self.api.post("/api/restaurants", json={"name": name} | body).raise_for_status().json()
        self.rows.append(Row.of(name, answer, expected))
        return str(answer["id"])

    def ask_again(self, restaurant_id: str, when: str, expected: Expected) -> None:
        """Ask a number for a restaurant that was created before."""
        answer = self.api.post(f"/api/restaurants/{restaurant_id}/phone", json={}).raise_for_status().json()
        self.rows.append(Row.of(f"{answer['name']}, {when}", answer, expected))

    def account(self, **changes: Any) -> None:
        """Change the Twilio account: `trial`, `balance`."""
        path = f"/sandbox/accounts/twilio/{self.settings.twilio_account_sid}"
        self.sandbox.put(path, json=changes).raise_for_status()

    def own(self, number: str) -> None:
        """Let the Twilio account have bought a number at some earlier time."""
        bought = {"carrier": "twilio", "number": number, "account": self.settings.twilio_account_sid}
        self.sandbox.post("/sandbox/numbers", json=bought).raise_for_status()

    def idle_in_vapi(self) -> None:
        """Add a number at Vapi, as a person does in its dashboard, that nothing answers."""
        assert self.settings.vapi_api_key is not None
        headers = {"Authorization": f"Bearer {self.settings.vapi_api_key.get_secret_value()}"}
        body = {"provider": "vapi", "numberDesiredAreaCode": "415"}
        path = "/phone-number"
        row = self.sandbox.post(path, json=body, headers=headers).raise_for_status().json()
        while row["status"] != "active":
            time.sleep(0.05)
            row = self.sandbox.get(f"{path}/{row['id']}", headers=headers).raise_for_status().json()

    def call_everyone(self) -> None:
        """One call to each restaurant that has a number, after the assistant was told where this server is."""
        from trunkline.cli.played import PlayedCall
        from trunkline.cli.setup_vapi import set_up

        set_up(self.reached)
        restaurants = self.api.get("/api/restaurants?has_number=true&limit=200").raise_for_status().json()["items"]
        for restaurant in restaurants:
            call = self.sandbox.post("/sandbox/calls", json={"to": restaurant["phone_number"]}).raise_for_status()
            played = PlayedCall.of(call.json())
            answered = played.restaurant_name or f"nobody: {played.why}"
            self.calls.append(Called(restaurant["phone_number"], restaurant["name"], answered))


def play(stage: Stage) -> list[str]:
    """The story: first without a carrier's keys, then with Twilio's, whose account is a trial for a while; at the end a
    call to each. Returns what is wrong beyond the rows and the calls."""
    with stage.serving(twilio_account_sid=None, twilio_auth_token=None):
        stage.create("Undecided", NOT_ASKED, assign_phone=False)
        early = stage.create("Early", NO_CARRIER)
    with stage.serving():
        stage.ask_again(early, "with Twilio's keys", PURCHASED)
        stage.own(OWNED)
        stage.create("Owned", TAKES_OWNED)
        stage.create("Bought", PURCHASED)
        stage.idle_in_vapi()
        stage.create("Forced", FORCED, force_twilio=True)
        stage.create("Idle", EXISTING)
        stage.account(balance="0.50")
        refused = stage.create("Refused", REFUSED)
        stage.account(balance="100")
        stage.ask_again(refused, "with credit", PURCHASED)
        stage.account(trial=True)
        trial = stage.create("Trial", SHARED)
        stage.account(trial=False)
        stage.ask_again(trial, "upgraded", PURCHASED)
        faults = accounts_faults(stage)
        stage.call_everyone()
        return faults


def accounts_faults(stage: Stage) -> list[str]:
    """The carrier's side of the story: what it sold is in service, once each, and nothing is owed."""
    held = {n["number"] for n in stage.sandbox.get("/sandbox/numbers?held=true&carrier=twilio").json()}
    own = [row.number for row in stage.rows if row.ends in OWN]
    in_service = {row.number for row in stage.rows if row.ends in ("owned", "purchased")}
    faults = [f"still owed: {debt['owed']}" for debt in stage.api.get("/api/debts").raise_for_status().json()["items"]]
    if held != in_service:
        faults.append(f"Twilio's account holds {len(held)} numbers, and {len(in_service)} of Twilio's are in service")
    if len(set(own)) != len(own):
        faults.append("two restaurants have the same number as their own")
    return faults


def demo() -> None:
    """Play every path of the chart on a sandbox, and show what each restaurant got; then call each.

    Restaurants are created over HTTP at a real server with a temporary database, on free ports. The exit code is 0 only
    if each request ended as the chart says, and each call was answered by the restaurant that was called.
    """
    from rich.console import Console

    started = time.monotonic()
    rows, calls, faults = perform()
    seconds = time.monotonic() - started
    console = Console()
    console.print(table_of(rows))
    for fault in faults:
        console.print(f"wrong: {fault}", style="red", highlight=False)
    right = sum(row.right for row in rows)
    console.print(f"{right} of {len(rows)} requests ended as the chart says, in {seconds:.1f} s", highlight=False)
    console.print(calls_of(calls))
    answered = sum(call.right for call in calls)
    console.print(f"{answered} of {len(calls)} calls were answered by the restaurant that was called", highlight=False)
    console.print("look around in a sandbox like it: make run, and open the link to its console", highlight=False)
    raise typer.Exit(1 if faults or right < len(rows) or answered < len(calls) else 0)


def perform() -> tuple[list[Row], list[Called], list[str]]:
    """Start the sandbox, play, and compare."""
    import httpx2

    from trunkline.cli.serve import default_settings, sandbox_settings, started_sandbox
    from trunkline.logs import configure_logs

    configure_logs("error", "console")
    with ExitStack() as stack:
        sandbox = started_sandbox(stack)
        folder = stack.enter_context(TemporaryDirectory(prefix="trunkline-"))
        plain = default_settings() | {"database_url": f"sqlite:///{folder}/demo.sqlite"}
        client = stack.enter_context(httpx2.Client(base_url=sandbox.url, timeout=60))
        stage = Stage(client, sandbox_settings(sandbox.url, **plain))
        faults = play(stage)
        return stage.rows, stage.calls, faults


def table_of(rows: list[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("restaurant", "path", "chart", show_lines=True)  # three columns fit a terminal of 80
    for row in rows:
        right = (
            Text("as it says", "green")
            if row.right
            else Text(f"says {row.expected.ends}: {via(row.expected.path)}", "red")
        )
        table.add_row("\n".join((row.title, row.number or "no number", row.ends)), via(row.path), right)
    return table


def calls_of(calls: list[Called]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("called", "expected", "answered")
    for call in calls:
        table.add_row(call.number, call.expected, Text(call.answered, "green" if call.right else "red"))
    return table


def via(path: tuple[str, ...]) -> str:
    return " > ".join(path) or "no step"
