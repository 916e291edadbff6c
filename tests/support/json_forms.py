"""Whether what a command has printed with `--json` is what its page says, by the OpenAPI document."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from trunkline.cli.json_forms import FORMS

SCHEMAS = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text())["components"]


def check_form(arguments: Sequence[str], printed: str) -> None:
    """AssertionError that says what is not so. Words that are no command's are arguments."""
    command = next(" ".join(arguments[:n]) for n in (3, 2, 1) if " ".join(arguments[:n]) in FORMS)
    allowed = validators(FORMS[command])
    for document in documents(printed):
        wrong = [[error.message for error in one.iter_errors(document)] for one in allowed]
        assert not all(wrong), f"{command}: {wrong}"


def documents(printed: str) -> Iterator[Any]:
    """Each of several in a row."""
    rest = printed.strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        yield document
        rest = rest[end:].strip()


@functools.cache
def validators(form: str) -> list[Any]:
    """For what one document may be."""
    schemas = [schema_of(one) for part in parts(form, ", then ") for one in parts(part, " | ")]
    return [Draft202012Validator(schema | {"components": SCHEMAS}) for schema in schemas]


def schema_of(form: str) -> dict[str, Any]:
    if len(both := parts(form, " & ")) > 1:
        return {"allOf": [schema_of(one) for one in both]}
    if form == "{...}":
        return {"type": "object"}
    if form.startswith("["):
        return {"type": "array"} | ({"items": schema_of(form[1:-1])} if form != "[]" else {"maxItems": 0})
    if form.startswith("{"):
        fields = dict(one.split(": ", 1) for one in parts(form[1:-1], ", "))
        shapes = {name: schema_of(one) for name, one in fields.items()}
        return {"type": "object", "properties": shapes, "required": list(shapes)}
    if form in ("string", "boolean"):
        return {"type": form}
    assert form in SCHEMAS["schemas"], f"{form} is no schema of the document"
    return {"$ref": f"#/components/schemas/{form}"}


def parts(form: str, between: str) -> list[str]:
    """Of a form, cut where this stands outside of brackets."""
    depth, found = 0, [""]
    for piece in re.split(rf"({re.escape(between)}|[\[\]{{}}])", form):
        depth += piece in ("[", "{")
        depth -= piece in ("]", "}")
        if piece == between and not depth:
            found.append("")
        else:
            found[-1] += piece
    return found
