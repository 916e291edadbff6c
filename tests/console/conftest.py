"""One application over one sandbox for all tests of the console, and somebody with a browser that knows no scripts."""

from __future__ import annotations

import html
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.app_server import SECRET, AppServer, app_settings
from tests.support.sandbox_server import SandboxServer
from trunkline.sandbox import twilio

Json = dict[str, Any]
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


class Visitor:
    """Who looks at pages and sends forms, as they stand on the pages."""

    def __init__(self, url: str) -> None:
        self.client = httpx2.Client(base_url=url + "/console", timeout=30)

    def log_in(self, credential: str = SECRET, to: str = "") -> httpx2.Response:
        return self.client.post("/login", data={"credential": credential, "next": to})

    def get(self, path: str = "", status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return answer.text

    def form(self, path: str) -> dict[str, str]:
        """What stands in the page's form already."""
        page = self.get(path).split("</header>")[1]
        return {name: html.unescape(value) for name, value in HIDDEN.findall(page)}

    def post(self, path: str, form: dict[str, str], **typed: str) -> httpx2.Response:
        return self.client.post(path, data=form | typed)

    def send(self, path: str, **typed: str) -> str:
        """Fill in the page's form and send it; where it leads."""
        answer = self.post(path, self.form(path), **typed)
        assert answer.status_code == 303, f"{answer.status_code}: {text_of(answer.text)[:2000]}"
        return answer.headers["Location"].removeprefix("/console")

    def refused(self, path: str, status: int, **typed: str) -> str:
        """The page that comes back instead."""
        answer = self.post(path, self.form(path), **typed)
        assert answer.status_code == status, text_of(answer.text)
        return answer.text


class Shop:
    """The running application, the operator at its console, and the sandbox behind it."""

    def __init__(self, app: AppServer, sandbox: SandboxServer) -> None:
        self.app, self.sandbox = app, sandbox
        self.operator = Visitor(app.url)
        assert self.operator.log_in().status_code == 303

    def restaurant(self, **body: Any) -> Json:
        name = f"Casa {uuid.uuid4().hex[:8]}"
        answer = self.app.client.post("/api/restaurants", json={"name": name} | body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def use_up(self) -> None:
        """Nothing is left that is idle, or becomes so by itself: who needs a number from now on has to buy it."""
        while any(self.api(f"/api/numbers?state={state}")["items"] for state in ("idle", "cooling_down")):
            self.restaurant()

    def buy(self, *numbers: str) -> None:
        """They are for sale at Twilio, and bought for nobody."""
        stock = [{"carrier": "twilio", "number": number} for number in numbers]
        self.sandbox.control.post("/numbers", json=stock).raise_for_status()
        for number in numbers:
            self.app.client.post("/api/numbers", json={"number": number}).raise_for_status()

    def api(self, path: str) -> Json:
        return dict(self.app.client.get(path).raise_for_status().json())

    def bought(self) -> int:
        return len(self.sandbox.held("twilio"))

    def balance(self, amount: str) -> None:
        path = f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}"
        self.sandbox.control.put(path, json={"trial": False, "balance": amount}).raise_for_status()


def text_of(page: str) -> str:
    """What a reader sees of it."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("<body>")[-1]))).strip()


@pytest.fixture(scope="package")
def shop(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    file = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("console") / "trunkline.sqlite")
    with SandboxServer() as sandbox, AppServer(app_settings(sandbox, f"sqlite:///{file}")) as app:
        yield Shop(app, sandbox)


@pytest.fixture(autouse=True)
def paid(shop: Shop) -> None:
    """Each test begins with an account that has money."""
    shop.balance("100000")


@pytest.fixture
def operator(shop: Shop) -> Visitor:
    return shop.operator


@pytest.fixture
def stranger(shop: Shop) -> Visitor:
    return Visitor(shop.app.url)
