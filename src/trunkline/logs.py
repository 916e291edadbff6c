"""Structured logs: one JSON object a line, with the request and assignment at hand, and every secret blanked."""

from __future__ import annotations

import json
import logging
import re
import sys
from base64 import b64encode
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import structlog

SECRET_KEY = re.compile(r"(token|secret|password|api_?key|authorization|credential_body)$", re.IGNORECASE)
BLANK = "***"
SHORTEST = 6
# Of a secret that we do not know, e.g. a caller's: what stands in an Authorization header.
AUTHORIZATION = re.compile(r"\b(Basic|Bearer) +[A-Za-z0-9+/=_.~:-]{16,}", re.IGNORECASE)

# A key of ours, by its shape: only the hash of each is kept, so that none is known.
OUR_KEY = re.compile(r"\b(trk|tlr)_[A-Za-z0-9]{12,}(_[A-Za-z0-9]+)?")


class Redactor:
    """Blanks values under secret-looking keys, and every known secret wherever it occurs in a text."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._longest_first: list[str] = []

    def know(self, *secrets: str) -> None:
        """From now on these are blanked, also as they stand in a URL, a form or JSON. Secrets shorter than six
        characters are not searched for in texts: they would blank ordinary words."""
        for secret in secrets:
            if len(secret) >= SHORTEST:
                self._known |= {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
        self._longest_first = sorted(self._known, key=len, reverse=True)

    def know_login(self, user: str, secret: str) -> None:
        """The same for a secret that is sent with a name in Basic authentication: also as it stands in the header."""
        basic = b64encode(f"{user}:{secret}".encode()).decode()
        self.know(secret, f"{user}:{secret}", basic, basic.rstrip("="))

    def text(self, value: str) -> str:
        for secret in self._longest_first:  # so that of a secret which contains another one nothing is left
            value = value.replace(secret, BLANK)
        return OUR_KEY.sub(rf"\1_{BLANK}", AUTHORIZATION.sub(rf"\1 {BLANK}", value))

    def value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            return BLANK if SECRET_KEY.search(key) else self.text(value)
        if isinstance(value, dict):
            return {k: self.value(v, str(k)) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(v, key) for v in value]
        return value

    def __call__(self, logger: Any, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        return {key: self.value(value, key) for key, value in event.items()}


REDACTOR = Redactor()


def for_a_terminal(logger: Any, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """What others have sent can neither begin a line of the log nor steer the terminal. JSON needs none of this."""
    return {key: _indented(value) if key in ("exception", "stack") else _shown(value) for key, value in event.items()}


def _shown(value: Any) -> Any:
    text = value if isinstance(value, str) else repr(value)
    return value if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _indented(text: str) -> str:
    return "\n".join(f"    {_shown(line)}" for line in text.splitlines())


class ToStandardError(logging.StreamHandler[TextIO]):
    """Whatever standard error is when a line is written: it may have been replaced, and the one before closed."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def configure_logs(level: str = "info", form: str = "auto") -> None:
    """Send our lines and those of the libraries through one redacted pipeline to standard error.

    `form` is json, console, or auto: lines for people on a terminal, JSON for programs elsewhere."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        REDACTOR,
    ]
    readable = form == "console" or (form == "auto" and sys.stderr.isatty())
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if readable:
        colours, as_it_is = sys.stderr.isatty(), structlog.dev.plain_traceback
        last += [for_a_terminal, structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=as_it_is)]
    else:
        last += [structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = ToStandardError()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    logging.root.handlers = [handler]
    logging.root.setLevel(level.upper())
    logging.captureWarnings(True)
    for own_way in ("dbos", "uvicorn", "uvicorn.error"):  # each would else write in a form of its own
        logging.getLogger(own_way).handlers = [handler]
        logging.getLogger(own_way).propagate = False
    for noisy in ("httpx2", "httpcore2", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
