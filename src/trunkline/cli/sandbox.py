"""`trunkline sandbox`: local Twilio, Vapi, Telnyx and Vonage."""

from __future__ import annotations

from typing import Annotated

import typer

from trunkline.cli import calls, sandbox_world
from trunkline.cli.output import say

app = typer.Typer()


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8001,
) -> None:
    """Serve local Twilio, Vapi, Telnyx and Vonage until Ctrl-C, and print the settings that point at them.

    Accounts, stock, faults and the log of requests are under /sandbox (GET /sandbox/state shows them). The world is in
    memory: it begins anew with each start.
    """
    if context.invoked_subcommand is not None:
        return
    from trunkline.cli.servers import Server, listen, url_of
    from trunkline.logs import configure_logs
    from trunkline.sandbox.app import DroppingProtocol
    from trunkline.sandbox.server import environment, sandbox_app

    configure_logs("warning", "console")
    sock = listen(host, port)
    url = url_of(sock)

    def announce() -> None:
        say(f"# the sandbox listens on {url}; put this into .env to use it:")
        for name, value in environment(url).items():
            say(f"{name}={value}")

    Server(sandbox_app(), sock, http=DroppingProtocol, announce=announce).run()


app.command("call")(calls.call)
app.command("fail")(sandbox_world.fail)
app.command("faults")(sandbox_world.faults)
app.command("mend")(sandbox_world.mend)
app.command("account")(sandbox_world.account)
app.add_typer(sandbox_world.numbers, name="numbers")
app.command("drift")(sandbox_world.drift)
app.command("log")(sandbox_world.log)
app.command("reset")(sandbox_world.reset)
