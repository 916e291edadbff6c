"""`trunkline serve`: the server, for real or on a sandbox."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trunkline.cli.output import say
from trunkline.errors import TrunklineError

if TYPE_CHECKING:
    from trunkline.cli.servers import Server
    from trunkline.settings import Settings

VENDORS = ("vapi_", "twilio_", "telnyx_", "vonage_", "byo_")
KEYS = ("vapi_api_key", "twilio_account_sid", "telnyx_api_key", "vonage_api_key", "byo_numbers")
TRY_IT = """# trunkline listens on {url}; try it:
curl -X POST {url}/api/restaurants \\
  -H "Content-Type: application/json" \\
  -H "X-Vapi-Secret: {secret}" \\
  -d '{{
    "name": "My Restaurant",
    "assign_phone": true,
    "force_twilio": false
  }}'
# the commands, in another terminal:
export {path}TRUNKLINE_SECRET="{secret}" TRUNKLINE_URL={url}"""
# In another terminal than the server's nobody knows the secret; here is how it gets there, and is not shown.
FROM_ENV_FILE = 'export VAPI_SECRET_KEY="$({bin}/dotenv -f {file} get VAPI_SECRET_KEY)"'
SANDBOX_SECRET = "your_secret"  # noqa: S105  # so that README's requests work as they are


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8000,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Start a sandbox as well and use nothing else; no account is needed.")
    ] = False,
    sandbox_without_keys: Annotated[
        bool, typer.Option("--sandbox-without-keys", help="The same, if no provider's key is set.")
    ] = False,
) -> None:
    """Serve the API until Ctrl-C or SIGTERM. Settings come from the environment and from .env.

    On a sandbox the database is a temporary one: both forget everything at the end.
    """
    import gc

    gc.disable()  # until it serves: what is loaded stays, and collections would look through it again and again
    with without("rich"):  # structlog would draw tracebacks with it, and ours are text: 5 MB
        from trunkline.bootstrap import refuse_unusable
        from trunkline.cli.servers import api_server, listen, url_of
        from trunkline.logs import configure_logs
        from trunkline.settings import load_settings

    settings, secret, first = load_settings(), "$VAPI_SECRET_KEY", list[str]()
    configure_logs(settings.log_level, settings.log_format)
    with ExitStack() as stack:
        stack.callback(gc.enable)
        sock = stack.enter_context(listen(host, port))
        if sandbox or (sandbox_without_keys and not has_provider_keys(settings)):
            if not sandbox:
                say("# no provider's key is set, in the environment or in .env")
            secret = secret if settings.vapi_secret_key else SANDBOX_SECRET
            settings = on_sandbox(stack, url_of(sock))
        else:
            refuse_unusable(settings)
            first = [in_earnest(settings)]
        guide = [*first, *how_to_try(url_of(sock), secret)]

        def announce() -> None:
            gc.enable()
            say(*guide, *way_in(server))

        server = api_server(settings, sock, announce, forced=True)
        server.run()


@contextmanager
def without(module: str) -> Iterator[None]:
    """What would use that module where it is installed does without, unless it is there already."""
    before = sys.modules.setdefault(module, None)  # type: ignore[arg-type]  # as Python has it: it cannot be imported
    try:
        yield
    finally:
        if before is None:
            del sys.modules[module]


def way_in(server: Server) -> list[str]:
    """Where the console is; for who sits before the terminal, by a link that logs in once."""
    state = server.app.state
    if state.services.settings.sandbox or sys.stdout.isatty():
        return [f"# the console; this link logs in once, soon: {server.url}/console/enter/{state.entrance.new_link()}"]
    return [f"# the console: {server.url}/console"]


def in_earnest(settings: Settings) -> str:
    """What a server does with the keys that are set, in one line."""
    from trunkline.carriers.registry import CARRIERS

    if settings.sandbox:
        return f"# the keys are those of a sandbox, at {settings.vapi_base_url}: nothing is bought for real"
    accounts = {"twilio": settings.twilio_account_sid, "vonage": settings.vonage_api_key}
    able = [name for name in settings.carriers if CARRIERS[name].configured(settings)]
    sellers = [f"{name} (account {accounts[name]})" if name in accounts else name for name in able]
    limit = f"up to {settings.max_monthly_price} a month each" if settings.max_monthly_price else "at any price"
    where = " and ".join(sellers) or "no carrier, for want of keys"
    return (
        f"# for real: numbers are bought at {where}, {limit}, and imported at {settings.vapi_base_url}; "
        f"NUMBER_STRATEGY={settings.number_strategy}, VAPI_ROUTING={settings.vapi_routing}"
    )


def how_to_try(url: str, secret: str) -> list[str]:
    """A request and the commands, as they work when they are pasted into another terminal in this directory."""
    import shutil
    from pathlib import Path
    from shlex import quote

    from trunkline.settings import exported

    folder, file = Path(sys.executable).parent, Path(".env").resolve()
    path = "" if shutil.which("trunkline") else f'PATH={quote(str(folder))}:"$PATH" '
    lines = TRY_IT.format(url=url, secret=secret, path=path).splitlines()
    if secret.startswith("$") and "vapi_secret_key" not in exported():
        lines.insert(1, FROM_ENV_FILE.format(bin=quote(str(folder)), file=quote(str(file))))
    return lines


def has_provider_keys(settings: Settings) -> bool:
    """Whether someone has begun to configure real accounts: incomplete keys are then refused, not replaced."""
    return any(getattr(settings, name) for name in KEYS)


def on_sandbox(stack: ExitStack, url: str) -> Settings:
    """Start a sandbox beside the server that will answer at `url`, whose calls come there, and the settings that use
    nothing else."""
    from tempfile import TemporaryDirectory

    from trunkline.cli.played import SANDBOX_PORT
    from trunkline.cli.setup_vapi import set_up

    sandbox = started_sandbox(stack, SANDBOX_PORT)
    folder = stack.enter_context(TemporaryDirectory(prefix="trunkline-"))
    say("# this runs on a sandbox: no real account is used, nothing is bought, all is forgotten at the end")
    say(f"# the sandbox's accounts, stock and faults: {sandbox.url}/sandbox/state")
    say(f"# a call without a phone: trunkline call-test RESTAURANT --sandbox {sandbox.url}")
    settings = sandbox_settings(
        sandbox.url,
        database_url=f"sqlite:///{folder}/trunkline.sqlite",
        public_backend_url=url,
        trunkline_url=url,
    )
    set_up(settings)
    return settings


def started_sandbox(stack: ExitStack, wanted_port: int = 0) -> Server:
    """A sandbox on loopback, at the wanted port or else at a free one, in a thread, until the stack ends."""
    from trunkline.cli.servers import Server, in_background, listen
    from trunkline.sandbox.app import DroppingProtocol
    from trunkline.sandbox.server import sandbox_app

    try:
        sock = listen("127.0.0.1", wanted_port)
    except TrunklineError:
        sock = listen("127.0.0.1", 0)
    return stack.enter_context(in_background(Server(sandbox_app(), sock, http=DroppingProtocol)))


def sandbox_settings(sandbox_url: str, **more: Any) -> Settings:
    """The settings of this machine, and `more`, with every vendor's replaced: no real key or address is left."""
    from trunkline.sandbox.server import environment
    from trunkline.settings import load_settings

    vendors = {n: v for n, v in default_settings().items() if n.startswith(VENDORS) and n != "vapi_routing"}
    keys = {name.lower(): value for name, value in environment(sandbox_url).items()}
    secret = load_settings().vapi_secret_key or SANDBOX_SECRET
    return load_settings(**more | vendors | keys | {"vapi_secret_key": secret, "number_cooldown_hours": 0})


def default_settings() -> dict[str, Any]:
    """Every setting as if the environment were empty."""
    from trunkline.settings import Settings

    return {name: field.get_default(call_default_factory=True) for name, field in Settings.model_fields.items()}
