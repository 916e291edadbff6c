"""What a complete list is: one pager with one rule, for every list of every provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from trunkline.errors import ListFailed, Rejected, RetryLater
from trunkline.providers.http import ProviderClient

P = TypeVar("P")
Row = dict[str, Any]
# More than any account holds at a provider's full page, and few enough to be read within a minute.
MOST_PAGES = 200
TURN = 100  # rows
# What is waited for before each page, by who reads lists that nobody is waiting for: others may need the account.
GIVING_WAY: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("giving_way", default=None)


@dataclass(frozen=True)
class Page(Generic[P]):
    """One answer of a list, its form checked. `following` is what to read next, None for the last page; `total` is how
    many rows there are on all pages, where the provider says it."""

    rows: list[Row]
    following: P | None
    total: int | None = None


async def every(
    client: ProviderClient, operation: str, read: Callable[[P], Awaitable[Page[P]]], first: P, key: str
) -> AsyncIterator[Row]:
    """The rows of all pages, each once by the value of its field `key`, from the page `first` on; or ListFailed, in
    the name of the client and the operation.

    A list is complete, or it failed: it is never cut short in silence. It failed where
    - a page brings nothing new although it has rows (it repeats), or is empty although more is to follow,
    - fewer rows came than any of the pages had announced (something went away meanwhile, and what followed it may
      have moved past us), or pages go on after more rows than were announced,
    - there are more than MOST_PAGES pages,
    - a page after the first is refused (Rejected, Missing too) or does not come: it was announced, so that says nothing
      about what is on it. What the first page is answered with is the answer to the list as a whole and stays what it
      is, and so does ActionRequired: a person must act.

    Rows are given as their page comes: whoever acts before the end acts on a list that may yet fail.
    """
    place: P | None = first
    seen: set[Any] = set()
    announced = pages = 0
    while place is not None:
        if (others := GIVING_WAY.get()) is not None:
            await others()
        try:
            page = await read(place)
        except (Rejected, RetryLater) as error:
            if place == first:
                raise
            raise failed(client, operation, error.detail, getattr(error, "retry_after", None)) from error
        pages += 1
        new = {row[key]: row for row in page.rows if row[key] not in seen}
        seen |= new.keys()
        announced = max(announced, page.total or 0)
        if why := flaw(page, len(new), len(seen), announced, pages):
            raise failed(client, operation, why)
        for n, row in enumerate(new.values(), 1):
            yield row
            if n % TURN == 0:
                await asyncio.sleep(0)  # a page may have a thousand, and a call may ring
        place = page.following


def flaw(page: Page[Any], new: int, seen: int, announced: int, pages: int) -> str | None:
    """What is wrong with a page that brought so many new rows, after which so many have been seen."""
    if page.rows and not new:
        return "a page repeats another"
    if page.following is None:
        return f"it ended after {seen} of {announced} entries" if seen < announced else None
    if not page.rows:
        return "a page is empty although more are to follow"
    if page.total is not None and seen > announced:
        return f"it goes on after {announced} entries, which was to be all"
    return f"it has more than {MOST_PAGES} pages" if pages >= MOST_PAGES else None


def failed(client: ProviderClient, operation: str, why: str, retry_after: float | None = None) -> ListFailed:
    detail = f"{client.provider}'s list cannot be read whole: {why}"
    return client.named(ListFailed(detail, retry_after=retry_after), operation)
