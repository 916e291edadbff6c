"""The system's own Chromium before one running server: nothing is downloaded, and nothing else is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState, sync_playwright

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


@pytest.fixture(scope="package")
def operator(browser: Browser, shop: Shop) -> StorageState:
    """What a browser keeps once the operator has logged in."""
    context = browser.new_context(base_url=shop.app.url)
    context.set_default_timeout(PATIENT)
    log_in(context.new_page())
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture
def visit(browser: Browser, shop: Shop) -> Iterator[Page]:
    """A new window, in Rome. At its end: it has asked no other server, and has complained of nothing."""
    with opened(browser, shop.app.url) as page:
        yield page


@pytest.fixture
def page(browser: Browser, shop: Shop, operator: StorageState) -> Iterator[Page]:
    """The same, of the operator."""
    with opened(browser, shop.app.url, storage_state=operator) as page:
        page.goto("/console/debts")
        yield page


@contextmanager
def opened(browser: Browser, url: str, **more: Any) -> Iterator[Page]:
    context = browser.new_context(base_url=url, timezone_id="Europe/Rome", locale="en-GB", **more)
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
    assert asked == {urlsplit(url).netloc}
    assert complaints == []


def log_in(page: Page, credential: str = SECRET) -> None:
    page.goto("/console/login")
    page.get_by_label("Key, or X-Vapi-Secret").fill(credential)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()
