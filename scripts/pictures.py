"""`make pictures`: the console as README shows it, photographed on a sandbox in which the demo's story was played."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
from playwright.sync_api import Page, sync_playwright

from trunkline.cli.demo import Stage, play
from trunkline.cli.serve import default_settings, sandbox_settings, started_sandbox
from trunkline.logs import configure_logs

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
MOST_BYTES = 150_000
SIZE = {"width": 1260, "height": 920}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def photograph(page: Page, stage: Stage) -> None:
    """Today where it is light, and a restaurant's way through the chart where it is dark."""
    assert stage.settings.vapi_secret_key is not None
    page.goto(f"{stage.api.base_url}/console")
    page.get_by_label("Key, or X-Vapi-Secret").fill(stage.settings.vapi_secret_key.get_secret_value())
    page.get_by_role("button", name="Log in").click()
    page.locator("#doctor details").wait_for()
    keep(page, "today")
    page.get_by_role("link", name="Restaurants").click()
    page.get_by_role("link", name="Bought").click()
    page.locator("#story .chart g.done", has_text="in service").wait_for()
    page.emulate_media(color_scheme="dark")
    keep(page, "restaurant")


def keep(page: Page, name: str) -> None:
    picture = page.screenshot(path=FOLDER / f"{name}.png")
    if len(picture) > MOST_BYTES:
        sys.exit(f"{name}.png has {len(picture) // 1000} kB, and may have {MOST_BYTES // 1000}")


def main() -> None:
    if CHROMIUM is None:
        sys.exit("there is no Chromium on this machine: apt-get install chromium")
    configure_logs("error", "console")
    FOLDER.mkdir(exist_ok=True)
    with ExitStack() as stack:
        sandbox = started_sandbox(stack)
        folder = stack.enter_context(TemporaryDirectory(prefix="trunkline-"))
        plain = default_settings() | {"database_url": f"sqlite:///{folder}/pictures.sqlite"}
        client = stack.enter_context(httpx2.Client(base_url=sandbox.url, timeout=60))
        stage = Stage(client, sandbox_settings(sandbox.url, **plain))
        play(stage)
        stack.enter_context(stage.serving())
        stage.api.put("/api/budgets/all", json={"max_numbers": 10}).raise_for_status()
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        photograph(browser.new_page(viewport=SIZE), stage)
        browser.close()


if __name__ == "__main__":
    main()
