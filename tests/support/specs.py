"""Checks the sandbox's answers against the providers' official OpenAPI documents."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

METHODS = ("get", "put", "post", "patch", "delete")
Patch = Callable[[dict[str, Any]], None]

formats = FormatChecker(formats=())
formats.checks("date-time", raises=ValueError)(
    lambda value: not isinstance(value, str) or datetime.fromisoformat(value)
)
formats.checks("date-time-rfc-2822", raises=(ValueError, TypeError))(
    lambda value: not isinstance(value, str) or parsedate_to_datetime(value)
)


def folder() -> Path:
    """Where the official documents are: TRUNKLINE_SPECS, or shared/specs beside this repository."""
    given = os.environ.get("TRUNKLINE_SPECS")
    return Path(given) if given else Path(__file__).resolve().parents[3] / "shared" / "specs"


def present(*files: str) -> bool:
    return all((folder() / file).is_file() for file in files)


class Spec:
    """One document: finds the operation of a request and validates the answer against its schema.

    `closed`: a key that the document does not name is an error, too (most documents require nothing and forbid
    nothing, so an open check would accept nearly anything). `patch` may first correct known faults of the document.
    """

    def __init__(self, document: dict[str, Any], closed: bool = False, patch: Patch | None = None) -> None:
        if patch is not None:
            patch(document)
        self.document: dict[str, Any] = json_schema(document)
        if closed:
            close(self.document)
        resource = DRAFT202012.create_resource(self.document)
        self._registry: Registry[Any] = Registry().with_resource("spec:", resource)
        self._validators: dict[str, Draft202012Validator] = {}
        servers = document.get("servers") or [{"url": ""}]
        prefix = urlsplit(servers[0]["url"]).path.rstrip("/")
        self._paths = [(re.compile(pattern(prefix + path)), path) for path in document["paths"]]
        self._paths.sort(key=lambda entry: (entry[1].count("{"), -len(entry[1])))

    def operation(self, method: str, url: str) -> str | None:
        """The document's name of the request ("GET /thing/{id}"), None where it knows none; `url` may be a path."""
        path = urlsplit(url).path
        for regex, template in self._paths:
            if regex.fullmatch(path) and method.lower() in self.document["paths"][template]:
                return f"{method.upper()} {template}"
        return None

    def operations(self) -> set[str]:
        return {f"{m.upper()} {path}" for path, item in self.document["paths"].items() for m in METHODS if m in item}

    def properties(self, schema: str) -> set[str]:
        """The keys that the document names for one of its component schemas."""
        return set(self.document["components"]["schemas"][schema]["properties"])

    def check(self, method: str, url: str, status: int, body: Any) -> str:
        """The operation's name, or an AssertionError listing the deviations; `body` is parsed JSON, None for none."""
        operation = self.operation(method, url)
        assert operation is not None, f"{method} {url}: not in the document"
        template = operation.split(" ", 1)[1]
        responses = self.document["paths"][template][method.lower()]["responses"]
        key = next((k for k in (str(status), f"{status // 100}XX", "default") if k in responses), None)
        assert key is not None, f"{operation}: status {status} is not documented, only {', '.join(responses)}"
        errors = self._errors(["paths", template, method.lower(), "responses", key], responses[key], body)
        assert not errors, f"{operation} {status}:\n  " + "\n  ".join(errors)
        return operation

    def _errors(self, at: list[str], response: dict[str, Any], body: Any) -> list[str]:
        if "$ref" in response:
            at = response["$ref"].removeprefix("#/").split("/")
            response = self.document[at[0]][at[1]][at[2]]
        content = response.get("content") or {}
        media = next((m for m in content if "json" in m), None)
        if media is None or "schema" not in content[media]:
            return [] if content or body in (None, "", b"") else [f"a body, but none is documented: {body!r}"]
        pointer = "/".join(p.replace("~", "~0").replace("/", "~1") for p in [*at, "content", media, "schema"])
        validator = self._validators.get(pointer)
        if validator is None:
            validator = self._validators[pointer] = Draft202012Validator(
                {"$ref": f"spec:#/{quoted(pointer)}"}, registry=self._registry, format_checker=formats
            )
        found = (best_match([error]) for error in validator.iter_errors(body))
        return [f"{error.json_path}: {error.message[:300]}" for error in found]


@lru_cache
def load(file: str, closed: bool = False, patch: Patch | None = None) -> Spec:
    """The document of this file name; the calling test is skipped where the documents are absent."""
    path = folder() / file
    if not path.is_file():
        pytest.skip(f"the official document {file} is not here (TRUNKLINE_SPECS names its folder)")
    text = path.read_text()
    document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    return Spec(json.loads(json.dumps(document, default=str)), closed, patch)


class Recorder:
    """Checks each successful answer on its way to an official SDK, and remembers the operations that were checked.

    It is a response hook for a `requests.Session` (`session.hooks["response"].append(recorder)`) and for a synchronous
    httpx or httpx2 client (`event_hooks={"response": [recorder]}`); `asynchronous` is the hook of an async client.
    """

    def __init__(self, *specs: Spec) -> None:
        self.specs = specs
        self.seen: set[str] = set()

    def __call__(self, response: Any, *_: Any, **__: Any) -> None:
        if hasattr(response, "read"):
            response.read()
        self.add(response)

    async def asynchronous(self, response: Any) -> None:
        await response.aread()
        self.add(response)

    def add(self, response: Any) -> None:
        method, url = response.request.method, str(response.request.url)
        if not self.specs or not 200 <= response.status_code < 300:
            return
        spec = next((s for s in self.specs if s.operation(method, url)), None)
        assert spec is not None, f"{method} {url}: in none of the documents"
        self.seen.add(spec.check(method, url, response.status_code, response.json() if response.content else None))


def pattern(template: str) -> str:
    return re.sub(r"\\\{[^/{}]+\\\}", "[^/]+", re.escape(template))


def quoted(pointer: str) -> str:
    return pointer.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")


def json_schema(node: Any) -> Any:
    """OpenAPI 3.0 schemas as JSON Schema 2020-12: `nullable`, boolean exclusive limits, and a looser `oneOf`."""
    if isinstance(node, list):
        return [json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: json_schema(value) for key, value in node.items()}
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(node.get(exclusive), bool) and node.pop(exclusive) and limit in node:
            node[exclusive] = node.pop(limit)
    # The documents' alternatives overlap as soon as nothing is required: "exactly one" would refuse true answers.
    if isinstance(node.get("oneOf"), list):
        node.setdefault("anyOf", []).extend(node.pop("oneOf"))
    if node.get("nullable") is True:
        del node["nullable"]
        return {"anyOf": [{"type": "null"}, node]}
    return node


def close(document: dict[str, Any]) -> None:
    """Forbid keys that a schema does not name, where it says nothing about others; parts of an `allOf` stay open."""
    parts = [part for node in nodes(document) if isinstance(node.get("allOf"), list) for part in node["allOf"]]
    open_refs = {part["$ref"] for part in parts if "$ref" in part}
    open_ids = {id(part) for part in parts}
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        if f"#/components/schemas/{name}" in open_refs:
            open_ids |= {id(schema)} | {id(part) for part in schema.get("anyOf", ())}
    for node in list(nodes(document)):
        has_keys = isinstance(node.get("properties"), dict) or isinstance(node.get("allOf"), list)
        if has_keys and id(node) not in open_ids and "additionalProperties" not in node:
            node["unevaluatedProperties"] = False


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)
