"""The look at the installation, as the document shows it."""

from __future__ import annotations

from trunkline.api.described import REFUSED, answered, documented, operation

FINDINGS = {
    "items": [
        {"subject": "database", "level": "ok", "text": "PostgreSQL answers, at schema 0004", "mend": None},
        {
            "subject": "public address",
            "level": "warning",
            "text": "PUBLIC_BACKEND_URL is not set, so that Vapi cannot reach us",
            "mend": "set it, then run: trunkline setup-vapi",
        },
    ]
}

DIAGNOSE = operation(
    "diagnose",
    summary="Look whether everything is right",
    description="Asks the live providers with the server's own settings, and changes nothing.",
    responses={200: answered("What was found.", one=("One warning", FINDINGS)), **documented(*REFUSED)},
)
