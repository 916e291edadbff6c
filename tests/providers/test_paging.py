"""A list is complete, or it failed."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.errors import ActionRequired, ListFailed, Missing, ProviderError, Rejected, RetryLater, Role
from trunkline.providers.account import Account
from trunkline.providers.http import ProviderClient
from trunkline.providers.pace import Limits
from trunkline.providers.paging import MOST_PAGES, Page, every

pytestmark = pytest.mark.anyio


def page(*ids: Any, more: bool = False, total: int | None = None) -> dict[str, Any]:
    return {"rows": [{"id": id} for id in ids], "more": more, "total": total}


class Listing:
    """Answers its pages by position, the last one for ever; an error among them is raised."""

    def __init__(self, *pages: dict[str, Any] | ProviderError) -> None:
        self.pages = pages
        self.asked: list[int] = []

    async def read(self, place: int) -> Page[int]:
        self.asked.append(place)
        answer = self.pages[min(place, len(self.pages)) - 1]
        if isinstance(answer, ProviderError):
            raise answer
        return Page(answer["rows"], place + 1 if answer["more"] else None, answer["total"])

    async def ids(self) -> list[Any]:
        client = ProviderClient(Account("twilio", Limits()), "http://127.0.0.1:1", role=Role.VOICE)
        try:
            return [row["id"] async for row in every(client, "owned", self.read, 1, "id")]
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("pages", "ids"),
    [
        ([page()], []),
        ([page(total=0)], []),
        ([page(1, 2)], [1, 2]),
        ([page(1, 2, more=True), page(3)], [1, 2, 3]),
        ([page(1, 2, more=True), page()], [1, 2]),
        ([page(1, 2, more=True, total=3), page(3, total=3)], [1, 2, 3]),
        # One came in before the second page was read, and moved the others; or two came in behind it.
        ([page(1, 2, more=True), page(2, 3)], [1, 2, 3]),
        ([page(1, 2, more=True, total=3), page(3, 4, 5, total=5)], [1, 2, 3, 4, 5]),
    ],
    ids=["empty", "announced as empty", "one page", "two", "an empty end", "as announced", "overlap", "grown"],
)
async def test_each_row_of_all_pages_comes_once(pages: list[dict[str, Any]], ids: list[int]) -> None:
    assert await Listing(*pages).ids() == ids


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([page(1, 2, more=True)], "repeats"),
        ([page(1, 2, more=True), page(2, 1)], "repeats"),
        ([page(1, 2, more=True), page(more=True), page(3)], "empty"),
        ([page(1, 2, more=True, total=3), page(total=3)], "2 of 3"),
        ([page(1, 2, more=True, total=4), page(3, total=3)], "3 of 4"),
        ([page(1, total=2)], "1 of 2"),
        ([page(1, 2, more=True, total=1), page(3, total=1)], "goes on after 1"),
    ],
    ids=["for ever", "the same rows", "left out", "less than announced", "shrunk", "cut short", "more than announced"],
)
async def test_a_list_that_does_not_add_up_has_failed(pages: list[dict[str, Any]], words: str) -> None:
    listing = Listing(*pages)
    with pytest.raises(ListFailed, match=words) as caught:
        await listing.ids()
    assert len(listing.asked) <= 2
    assert (caught.value.provider, caught.value.role, caught.value.operation) == ("twilio", Role.VOICE, "owned")


async def test_pages_that_never_end_are_an_error_within_a_bound() -> None:
    listing = Listing(*(page(number, more=True) for number in range(MOST_PAGES + 5)))
    with pytest.raises(ListFailed, match="more than"):
        await listing.ids()
    assert len(listing.asked) == MOST_PAGES


@pytest.mark.parametrize("refusal", [Missing("no such page"), Rejected("no")], ids=["404", "400"])
async def test_a_page_that_is_refused_is_a_list_that_failed(refusal: ProviderError) -> None:
    with pytest.raises(ListFailed, match="no"):
        await Listing(page(1, more=True), refusal).ids()


async def test_a_page_that_does_not_come_is_a_list_that_failed_and_says_when_to_read_it_again() -> None:
    with pytest.raises(ListFailed, match="slow down") as caught:
        await Listing(page(1, more=True), RetryLater("slow down", retry_after=7)).ids()
    assert caught.value.retry_after == 7


async def test_a_list_that_is_refused_as_a_whole_stays_refused() -> None:
    with pytest.raises(Missing):
        await Listing(Missing("there is no such list")).ids()


async def test_a_refusal_that_needs_a_person_stays_one() -> None:
    with pytest.raises(ActionRequired):
        await Listing(page(1, more=True), ActionRequired("the key is gone", hint="set another")).ids()
