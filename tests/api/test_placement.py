"""Behind a proxy: under a prefix that it takes off or leaves, and with a slash at a path's end, without a redirect."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api, Json

FORWARDED = {"X-Forwarded-Prefix": "/tl"}
NO_PREFIX = ["//evil.example", "/a b", '/"><script>', "http://x", "/api", "/docs/x", "/..;/", "tl"]


@pytest.mark.parametrize("path", ["/api/restaurants/", "/healthz/", "/readyz//", "/docs/", "/api/restaurants/{id}/"])
def test_a_slash_at_the_end_is_answered_itself(api: Api, roma: Json, path: str) -> None:
    answer = api.client.get(path.format(id=roma["id"]), follow_redirects=False)
    assert answer.status_code == 200
    posted = api.client.post("/api/restaurants/", json={"name": "Slash", "assign_phone": False}, follow_redirects=False)
    assert posted.status_code == 201


@pytest.mark.parametrize("seen", ["", "/tl"], ids=["taken off", "left"])
def test_a_prefix_that_the_proxy_tells_of_is_in_what_we_point_at(api: Api, seen: str) -> None:
    page = api.anonymous.get(f"{seen}/docs", headers=FORWARDED).text
    assert 'data-document="/tl/openapi.json"' in page
    assert 'src="/tl/docs/start.js"' in page
    document = api.anonymous.get(f"{seen}/openapi.json", headers=FORWARDED).json()
    assert document["servers"] == [{"url": "/tl"}]
    made = api.client.post(f"{seen}/api/restaurants", json={"name": "Prefix", "assign_phone": False}, headers=FORWARDED)
    assert made.headers["Location"] == f"/tl/api/restaurants/{made.json()['id']}"
    assert api.anonymous.get(f"{seen}/api/restaurants", headers=FORWARDED).status_code == 401
    assert api.client.get("/openapi.json").json().get("servers") is None


@pytest.mark.parametrize("told", NO_PREFIX)
def test_what_is_no_prefix_of_a_proxys_is_passed_over(api: Api, told: str) -> None:
    page = api.anonymous.get("/docs", headers={"X-Forwarded-Prefix": told})
    assert 'data-document="/openapi.json"' in page.text


@pytest.mark.parametrize("seen", ["", "/behind/it"], ids=["taken off", "left"])
def test_the_prefix_of_the_settings_is_known_without_being_told(
    api: Api, roma: Json, monkeypatch: pytest.MonkeyPatch, seen: str
) -> None:
    monkeypatch.setattr(api.app.app, "prefix", "/behind/it")
    assert 'src="/behind/it/docs/start.js"' in api.anonymous.get(f"{seen}/docs").text
    assert api.client.get(f"{seen}/api/restaurants/{roma['id']}").json()["id"] == roma["id"]
    call = {"message": {"type": "assistant-request", "phoneNumber": {"number": roma["phone_number"]}}}
    for slash in ("", "/"):
        answer = api.client.post(f"{seen}/api/vapi/server{slash}", json=call)
        assert answer.json()["assistantOverrides"]["variableValues"]["restaurant_id"] == roma["id"]
