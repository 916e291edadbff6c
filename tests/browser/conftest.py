"""The system's own Chromium before one running server: nothing is downloaded, and nothing else is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.console.conftest import Shop
from tests.support.app_server import SECRET, AppServer, app_settings
from tests.support.sandbox_server import SandboxServer

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENT = 60_000  # milliseconds that a loaded machine may take


@pytest.fixture(scope="package")
def shop(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    file = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("browser") / "trunkline.sqlite")
    with SandboxServer() as sandbox, AppServer(app_settings(sandbox, f"sqlite:///{file}")) as app:
        shop = Shop(app, sandbox)
        shop.balance("100000")
        yield shop


@pytest.fixture(scope="package")
def browser(shop: Shop) -> Iterator[Browser]:
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        yield stack.enter_context(playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS))


@pytest.fixture
def visit(browser: Browser, shop: Shop) -> Iterator[Page]:
    """A new window, in Rome. At its end: it has asked no other server, and has complained of nothing."""
    context = browser.new_context(base_url=shop.app.url, timezone_id="Europe/Rome", locale="en-GB")
    context.set_default_timeout(PATIENT)
    page, asked, complaints = context.new_page(), set[str](), list[str]()

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:  # a refused form says so itself
            complaints.append(message.text)

    def note(request: Request) -> None:
        asked.add(urlsplit(request.url).netloc)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", note)
    yield page
    context.close()
    assert asked == {urlsplit(shop.app.url).netloc}
    assert complaints == []


@pytest.fixture
def page(visit: Page) -> Page:
    """The same, logged in as the operator."""
    visit.goto("/console")
    visit.get_by_label("Key, or X-Vapi-Secret").fill(SECRET)
    visit.get_by_role("button", name="Log in").click()
    visit.get_by_role("heading", name="Today").wait_for()
    return visit
