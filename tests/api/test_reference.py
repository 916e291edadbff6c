"""/docs: works without a network, runs nothing of others, and is what its source has published."""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib.resources import files

import pytest

from tests.api.conftest import Api

VIEWER = files("trunkline.api").joinpath("viewer")
SUMS = dict(re.findall(r"\| `([\w.-]+)` \| `([0-9a-f]{64})` \|", VIEWER.joinpath("README.md").read_text()))


def test_the_page_and_all_that_it_loads_come_from_this_server(api: Api) -> None:
    page = api.anonymous.get("/docs")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    loaded = re.findall(r'(?:src|href|data-document)="([^"]+)"', page.text)
    assert {"/docs/swagger-ui-bundle.js", "/docs/start.js", "/docs/swagger-ui.css", "/openapi.json"} < set(loaded)
    for path in loaded:
        assert path.startswith("/") or path == "data:,"
        if path.startswith("/"):
            assert api.anonymous.get(path).status_code == 200, path


def test_nothing_but_what_is_ours_may_run(api: Api) -> None:
    page = api.anonymous.get("/docs")
    assert not re.findall(r"<script(?![^>]* src=)|<style|\bon\w+=|javascript:", page.text)
    for path in ("/docs", "/docs/start.js"):
        policy = api.anonymous.get(path).headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} < set(policy)
        assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("name", SUMS)
def test_the_viewer_is_as_it_was_published(name: str, api: Api) -> None:
    content = gzip.decompress(VIEWER.joinpath(f"{name}.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() == SUMS[name]
    served = api.anonymous.get(f"/docs/{name}")
    assert (served.content, served.headers["Content-Encoding"]) == (content, "gzip")


def test_the_viewers_licences_lie_beside_it() -> None:
    assert len(SUMS) == 2
    assert "Apache License" in VIEWER.joinpath("LICENSE").read_text()
    assert VIEWER.joinpath("NOTICE").read_text()


@pytest.mark.parametrize("name", ["swagger-ui.css.gz", "README.md", "nothing.js", "..%2Fapp.py"])
def test_nothing_else_is_served_there(name: str, api: Api) -> None:
    assert api.anonymous.get(f"/docs/{name}").status_code == 404


def test_agents_are_told_only_what_there_is(api: Api) -> None:
    told = api.anonymous.get("/llms.txt", headers={"X-Forwarded-Prefix": "/numbers"})
    assert told.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "](/numbers/openapi.json)" in told.text
    text, document = api.anonymous.get("/llms.txt").text, api.anonymous.get("/openapi.json").json()
    asked = re.findall(r"`(GET|POST) (/api/[^`?]+)", text)
    assert len(asked) == 7
    for method, path in asked:
        ways = {re.sub(r"{\w+}", "{id}", known): way for known, way in document["paths"].items()}
        assert method.lower() in ways[path], path
    assert all(
        field in document["components"]["schemas"]["Agreed"]["properties"]
        for field in re.findall(r'"(max_\w+_price)":', text)
    )
    for linked in re.findall(r"\]\((/[^)]+)\)", text):
        assert api.anonymous.get(linked).status_code == 200
