"""What an assistant may do, what it must ask, and what it can never do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult

from tests.mcp.conftest import YES, House, says
from tests.support.app_server import SECRET
from trunkline.domain.scopes import Scope
from trunkline.mcp.door import Door
from trunkline.mcp.entrance import Entrance
from trunkline.mcp.quotes import Quotes
from trunkline.mcp.server import INSTRUCTIONS, TOOLS

pytestmark = pytest.mark.anyio
MODES = ["auto", "legacy"]
BUYER = ("numbers:buy", "numbers:read", "restaurants:read", "restaurants:write", "numbers:release", "batches:write")
NOS = {
    "decline": says("decline"),
    "cancel": says("cancel"),
    "accepts without a yes": says("accept", yes=False),
}


@pytest.mark.parametrize("mode", MODES)
async def test_an_assistant_finds_and_buys_on_a_yes_with_the_price_before_it(house: House, mode: str) -> None:
    number, roma = house.for_sale(), house.restaurant()
    async with house.assistant(SECRET, YES, mode) as assistant:
        offers = await assistant.call("search_numbers", area_code=number[2:5], country="US")
        assert [(offer["number"], offer["monthly_price"]) for offer in offers["items"]] == [(number, "1.15")]
        served = await assistant.call("assign_number", restaurant=roma, number=number)
        assert (served["phone_number"], served["assignment"]["status"]) == (number, "assigned")
        assert assistant.asked == [
            f"Buy {number} from twilio for {roma}? It costs 1.15 USD a month from now on, and nothing at once besides."
        ]
        found = await assistant.call("find_restaurants", search=roma)
        assert ([one["phone_number"] for one in found["items"]], found["more"]) == ([number], False)
        told = await assistant.call("show_history", subject=number)
        assert any("bought" in line["text"] for line in told["items"])


@pytest.mark.parametrize(("no", "mode"), [*((no, "auto") for no in NOS), ("decline", "legacy")])
async def test_without_a_yes_nothing_is_bought_moved_or_released(house: House, mode: str, no: str) -> None:
    number, roma, before = house.for_sale(), house.restaurant(), house.held()
    async with house.assistant(SECRET, NOS[no], mode) as assistant:
        for refused in (
            await assistant.refused("buy_number", number=number),
            await assistant.refused("assign_number", restaurant=roma, number=number),
            await assistant.refused("start_batch", quote_id=(await assistant.call("plan_batch"))["quote_id"]),
        ):
            assert refused.startswith("declined: the person did not say yes")
        assert len(assistant.asked) == 3
    async with house.assistant(SECRET, YES, mode) as assistant:
        await assistant.call("buy_number", number=number)
    async with house.assistant(SECRET, NOS[no], mode) as assistant:
        assert "declined" in await assistant.refused("move_number", number=number, to_restaurant=roma)
        assert "declined" in await assistant.refused("release_number", number=number, give_back=True)
        assert "1.15 USD a month" in assistant.asked[1]
    assert house.held() - before == {number}
    assert house.client.get(f"/api/numbers/{number}").json()["state"] == "idle"


@pytest.mark.parametrize("mode", MODES)
async def test_a_price_that_has_changed_is_asked_for_again_or_refused(house: House, mode: str) -> None:
    number, before = house.for_sale("telnyx"), house.held()

    def yes_but_it_rises(question: str) -> ElicitResult:
        house.price(number, "9.15")
        return YES(question) if "9.15" not in question else says("decline")(question)

    async with house.assistant(SECRET, yes_but_it_rises, mode) as assistant:
        refused = await assistant.refused("buy_number", number=number)
    assert refused.startswith("price_changed" if mode == "legacy" else "declined")
    assert house.held() == before


@pytest.mark.parametrize("mode", MODES)
async def test_who_cannot_ask_needs_a_quote_and_a_budget(house: House, mode: str) -> None:
    number, other, roma, before = house.for_sale("telnyx"), house.for_sale(), house.restaurant(), house.held()
    async with house.assistant(house.key(*BUYER), None, mode) as poor:
        assert (await poor.refused("buy_number", number=number)).startswith("nobody_to_ask")
        mine = await poor.call("quote_number", number=number)
        assert (await poor.refused("buy_number", number=number, quote_id=mine["quote_id"])).startswith("budget_needed")
        assert (await poor.refused("release_number", number=number)).startswith("not_found")
    async with house.assistant(house.key(*BUYER, budget=True), None, mode) as assistant:
        quote = await assistant.call("quote_number", number=number, restaurant=roma)
        assert "USD a month" in quote["question"]
        wrong: list[tuple[str, dict[str, Any], str]] = [
            ("assign_number", {"restaurant": roma, "number": number}, "nobody_to_ask"),
            ("assign_number", {"restaurant": roma, "number": other, "quote_id": quote["quote_id"]}, "quote_differs"),
            ("buy_number", {"number": number, "quote_id": quote["quote_id"]}, "quote_differs"),
            ("start_batch", {"quote_id": quote["quote_id"]}, "quote_differs"),
            ("buy_number", {"number": number, "quote_id": mine["quote_id"]}, "quote_differs"),
            ("buy_number", {"number": number, "quote_id": quote["quote_id"][:-3] + "xx="}, "invalid_input"),
            ("buy_number", {"number": number, "quote_id": "of my own"}, "invalid_input"),
        ]
        for tool, arguments, code in wrong:
            assert (await assistant.refused(tool, **arguments)).startswith(code), (tool, arguments)
        house.price(number, "2.15")
        this = {"restaurant": roma, "number": number, "quote_id": quote["quote_id"]}
        assert (await assistant.refused("assign_number", **this)).startswith("quote_differs")
        assert house.held() == before
        house.price(number, "1.15")
        assert (await assistant.call("assign_number", **this))["phone_number"] == number
        assert (await assistant.refused("buy_number", number=number)).startswith("conflict")
        assert (await assistant.refused("quote_number", number=number)).startswith("conflict")
        assert (await assistant.refused("release_number", number=number)).startswith("nobody_to_ask")
    assert house.held() - before == {number}


async def test_a_batch_is_started_once_for_its_quote_and_within_it(house: House) -> None:
    roma = house.restaurant()
    async with house.assistant(house.key(*BUYER, budget=True), None) as assistant:
        plan = await assistant.call("plan_batch", search=roma, country="US")
        assert (plan["restaurants"], plan["bought"] + plan["reused"]) == (1, 1)
        once = await assistant.call("start_batch", quote_id=plan["quote_id"])
        assert await assistant.call("start_batch", quote_id=plan["quote_id"]) == once
    batch = await house.ended(f"/api/batches/{once['id']}")
    assert (batch["status"], batch["request"]["max_purchases"]) == ("done", plan["bought"])


async def test_what_serves_nobody_is_given_to_a_restaurant_unasked_moved_and_released_on_a_yes(house: House) -> None:
    number, roma, luna = house.for_sale(), house.restaurant(), house.restaurant()
    async with house.assistant(SECRET, YES) as assistant:
        assert (await assistant.call("buy_number", number=number, carrier="twilio"))["state"] == "idle"
        assistant.asked.clear()
        assert (await assistant.call("assign_number", restaurant=roma, number=number))["phone_number"] == number
        assert assistant.asked == []
        moved = await assistant.call("move_number", number=number, to_restaurant=luna, reason="Luna pays for it")
        assert moved["status"] == "done"
        assert f"from {roma} to {luna}" in assistant.asked[0]
        assert (await assistant.refused("release_number", number=number)).startswith("number_in_service")
        house.client.post(f"/api/numbers/{number}/unassign", json={}).raise_for_status()
        release = await assistant.call("release_number", number=number, give_back=True)
        assert (await house.ended(f"/api/releases/{release['id']}"))["give_back"] is True
    assert number not in house.held()


async def test_what_only_looks_asks_nobody(house: House) -> None:
    async with house.assistant(SECRET) as assistant:
        made = await assistant.call("create_restaurant", name="Bella", external_id="bella-1")
        assert (await assistant.call("show_restaurant", restaurant="bella-1"))["id"] == made["id"]
        assert "api_key" not in made
        assert (await assistant.call("list_numbers", state="idle", limit=1)).keys() == {"items", "more"}
        assert (await assistant.call("list_debts")).keys() == {"items", "more"}
        assert "totals" in await assistant.call("show_costs")
        assert (await assistant.call("plan_reconcile", limit=1))["id"]
        assert (await assistant.refused("explain_call", call_id="no-such")).startswith("not_found: ")
        assert (await assistant.refused("find_restaurants", limit=0)).count("limit")
        assert assistant.asked == []


async def test_a_key_sees_and_calls_the_tools_of_its_scopes_alone(house: House) -> None:
    every = {scope.value for scope in Scope}
    async with house.assistant(SECRET) as assistant:
        assert set(await assistant.tools()) == set(TOOLS)
    async with house.assistant(house.key("restaurants:read", "numbers:read")) as assistant:
        seen = set(await assistant.tools())
        assert seen == {name for name, tool in TOOLS.items() if tool.scopes <= {"restaurants:read", "numbers:read"}}
        with pytest.raises(MCPError, match="forbidden: buy_number needs"):
            await assistant.call("buy_number", number="+14155550100")
    roma = house.client.post("/api/restaurants", json={"name": "Own", "assign_phone": False}).json()
    async with house.assistant(house.key("restaurants:read", "numbers:read", restaurant=roma["id"])) as assistant:
        assert set(await assistant.tools()) == {"show_restaurant"}
    assert all(tool.scopes <= every for tool in TOOLS.values())


async def test_nobody_comes_in_without_a_key_or_with_anothers_session(house: House) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-Vapi-Secret": "wrong"}):
        answer = house.app.anonymous.post("/mcp", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    first = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
    }
    take = {"Accept": "application/json, text/event-stream"}
    mine = {"Authorization": f"Bearer {house.key('numbers:read')}"}
    session = house.app.anonymous.post("/mcp", json=first, headers=take | mine).headers["mcp-session-id"]
    for who, status in ((mine, 200), ({"X-Vapi-Secret": SECRET}, 404)):
        headers = take | who | {"Mcp-Session-Id": session}
        assert house.app.anonymous.post("/mcp", json=body, headers=headers).status_code == status


async def test_at_the_terminal_the_same_tools_ask_the_server(house: House) -> None:
    number, before, answers = house.for_sale(), house.held(), iter([NOS["decline"], YES])
    async with house.at_the_terminal(house.key(*BUYER), lambda question: next(answers)(question)) as assistant:
        assert "buy_number" in await assistant.tools()
        assert "explain_call" not in await assistant.tools()
        assert (await assistant.refused("buy_number", number=number)).startswith("declined")
        assert house.held() == before
        await assistant.call("buy_number", number=number)
        house.client.post("/api/keys/" + house.last_key + "/revoke").raise_for_status()
        with pytest.raises(MCPError, match="this key was revoked"):
            await assistant.tools()
    assert house.held() - before == {number}


async def test_the_instructions_name_only_tools_that_there_are_and_each_tool_says_what_it_does(house: House) -> None:
    named = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", INSTRUCTIONS)) - {"quote_id"}
    assert named == set(TOOLS)
    async with house.assistant(SECRET) as assistant:
        assert assistant.instructions == INSTRUCTIONS
        for name, tool in (await assistant.tools()).items():
            told = set(re.findall(r"\b[a-z]+_[a-z]+\b", tool.description)) - {"quote_id"}
            assert told <= set(TOOLS), name
            assert tool.output_schema["type"] == "object", name
            reads = tool.annotations.read_only_hint
            assert reads is not tool.annotations.destructive_hint or name == "create_restaurant", name


def test_the_page_of_assistants_tells_each_tool_with_its_scopes() -> None:
    page = (Path(__file__).parents[2] / "docs/assistants.md").read_text()
    told: dict[str, frozenset[str]] = {}
    for tools, scopes in re.findall(r"^\| (`[a-z_`, ]+`) \| (`[a-z:`, ]+`) \|", page, re.MULTILINE):
        told |= dict.fromkeys(re.findall(r"\w+", tools), frozenset(re.findall(r"[\w:]+", scopes)))
    assert told == {name: tool.scopes for name, tool in TOOLS.items()}


def test_a_quote_ends_after_ten_minutes() -> None:
    now = [1000.0]
    quotes = Quotes(b"key", lambda: now[0])
    quote_id, _ = quotes.seal("key_1", {"number": "+14155550100"})
    assert quotes.open(quote_id, "key_1") == {"number": "+14155550100"}
    for owner, at, code in (("key_2", 1000.0, "quote_differs"), ("key_1", 1601.0, "quote_over")):
        now[0] = at
        with pytest.raises(Exception, match=code):
            quotes.open(quote_id, owner)


async def test_a_library_that_cannot_be_loaded_fails_its_requests_and_nothing_else() -> None:
    def build() -> Door:
        raise ImportError("no such thing")

    entrance = Entrance(build)
    async with entrance.open():
        for _ in range(2):
            with pytest.raises(ImportError):
                await entrance({"type": "http"}, None, None)  # type: ignore[arg-type]
