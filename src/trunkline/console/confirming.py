"""Pages that ask once more before something is done: what it means, a reason, one button."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import Response

from trunkline.console.page import Page
from trunkline.db.models import Number
from trunkline.errors import TrunklineError
from trunkline.workflows.once import Once

Pairs = Sequence[tuple[str, str]]
REASON = ("reason", "Reason, for whoever reads it later")


@dataclass(frozen=True)
class Question:
    """`says` is what it means, `back` the page without it; `ends`: it ends or costs something. `fields` are typed,
    `checks` ticked, `carried` goes with the form. `rows` are numbers that it is about, as examples."""

    title: str
    says: Sequence[str]
    button: str
    back: str
    ends: bool = False
    fields: Pairs = ()
    checks: Pairs = ()
    carried: Pairs = ()
    rows: Sequence[Number] = ()

    def show(self, page: Page, problem: TrunklineError | None = None) -> Response:
        return page.show_form("confirm.html", problem, **vars(self))

    async def answer(self, page: Page, act: Callable[[dict[str, str]], Awaitable[str]]) -> Response:
        """Do it, and go on to the page that `act` names; a refusal is shown above what was typed."""
        try:
            return page.go(await act(await page.form()))
        except TrunklineError as error:
            return self.show(page, error)


def once_of(form: dict[str, str], operation: str, **asked: object) -> Once | None:
    """The form's idempotency key: a double click, a reload and a step back ask the same again."""
    return Once.asked(form.get("key"), operation, **asked)
