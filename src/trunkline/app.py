"""The whole server: the API and the console as one application."""

from __future__ import annotations

from fastapi import FastAPI

from trunkline.api import app as api
from trunkline.console import pages as console
from trunkline.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Its services start and end with it."""
    app = api.create_app(settings)
    console.install(app)
    return app
