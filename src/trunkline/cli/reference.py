"""The page of all commands, made from the commands: `python -m trunkline.cli.reference > docs/cli.md`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from trunkline.cli.json_forms import FORMS

HEAD = """# The command line

Every command with its options, made from the code by `python -m trunkline.cli.reference > docs/cli.md` and compared
with it by the tests. [A day of an operator](a-day-of-an-operator.md) shows them at work.

`serve`, `sandbox`, `demo` and `db` work by themselves. The others ask the server at `TRUNKLINE_URL`
(`http://localhost:8000` by default) with `TRUNKLINE_SECRET`, else with `VAPI_SECRET_KEY`, from the environment or from
`.env`.

- With `--json` a command prints the API's own fields, which do not change their meaning. Errors are one line on
  standard error. Which ones is told below: `X` is a schema of [the OpenAPI document](openapi.json), `[X]` a list,
  `{a: X}` an object with that field, `A & B` both in one, `A | B` the one or the other, `A, then B` several documents.
  `{...}` is the sandbox's own.
- `trunkline --plain numbers list` prints tables for programs that take lines apart: a row is a line, with tabs between
  the cells, without titles, colours or folds; what is not known is empty.
- Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 partly done, 4 goes on in the server after `--timeout`.
- There is colour only where the output is a terminal.
- `trunkline --install-completion` teaches the shell to complete.
"""


def render() -> str:
    """The whole page."""
    from trunkline.cli.app import program

    return "\n".join([HEAD, *_commands(typer.main.get_command(program()), "trunkline")]).rstrip() + "\n"


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if not isinstance(command, TyperGroup):
            yield from _command(command, f"{path} {name}")
            continue
        if command.invoke_without_command:
            yield from _command(command, f"{path} {name}")
        yield from _commands(command, f"{path} {name}")


def _command(command: Any, path: str) -> Iterator[str]:
    """What `--help` says, as a section."""
    context = typer.Context(command, info_name=path)
    yield f"## {path}\n"
    yield f"```text\n{' '.join([path, *command.collect_usage_pieces(context)])}\n```\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            lines = [line.strip() for line in paragraph.splitlines()[2:]]
            yield "```bash\n" + "\n".join(lines) + "\n```\n"
        else:
            yield " ".join(paragraph.split()) + "\n"
    records = [param.get_help_record(context) for param in command.params]
    rows = [f"| `{_in_cell(names)}` | {_in_cell(told)} |" for names, told in filter(None, records)]
    if rows:
        yield "\n".join(["| | |", "| --- | --- |", *rows]) + "\n"
    if form := FORMS.get(path.removeprefix("trunkline ")):
        yield f"`--json`: `{form}`\n"


def _in_cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    typer.echo(render(), nl=False)
