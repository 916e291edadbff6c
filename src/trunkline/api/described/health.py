"""Health, as the document shows it."""

from __future__ import annotations

from trunkline import __version__
from trunkline.api.described import REFUSED, answered, documented, operation
from trunkline.errors import NotReady

NOT_READY = NotReady("the database does not answer", hint="try again in a moment")

HEALTH = operation(
    "health",
    summary="Whether the process lives",
    description="Asks nobody. A process that does not answer should be restarted.",
    responses={200: answered("It lives.", alive=("Alive", {"status": "ok", "version": __version__}))},
)

READINESS = operation(
    "readiness",
    summary="Whether the server can work",
    description="The database answers, takes writes, and has this version's schema. Carriers and Vapi are not asked.",
    responses={
        200: answered("It can work.", ready=("Ready", {"status": "ready"})),
        **documented(NOT_READY),
    },
)

METRICS = operation(
    "metrics",
    summary="Measurements for Prometheus",
    description="Requests to providers, assignments by outcome, and what is owed.",
    responses={
        200: {
            "description": "In Prometheus' text format.",
            "content": {"text/plain": {"example": 'trunkline_debts{kind="release_owed"} 0.0\n'}},
        },
        **documented(*REFUSED),
    },
)
