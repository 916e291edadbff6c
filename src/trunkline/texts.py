"""Texts of others made fit to be kept and shown: what a terminal, a log or a page would act on is taken out."""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from urllib.parse import urlsplit

BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
LINE_ENDS = re.compile(r"\r\n|[\v\f\r\x1c-\x1e\x85\u2028\u2029]")
DIRECTION = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Control characters (escape sequences begin with one), invisible tags.
UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# White space, and characters that are drawn as nothing: joiners, fillers, selectors of variants.
BLANK = re.compile(
    r"[\s\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3164\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
HALVES = re.compile(r"[\ud800-\udfff]")


def one_line(text: str) -> str:
    """For a name, a message, a cell of a table."""
    return text if text.isprintable() else _shown(BREAKS.sub(" ", text))


def lines(text: str) -> str:
    """The same, but line ends (as \\n) and tabs stay: for a text of several lines."""
    return text if text.isprintable() else _shown(LINE_ENDS.sub("\n", text))


def undirected(text: str) -> str:
    """Without the marks that turn the direction of writing: they come along where a name is copied from a page, and
    nobody has typed them."""
    return DIRECTION.sub("", text)


def folded(text: str) -> str:
    """As it is searched for: without regard to case, and to how a character is composed, in any language."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def shows_something(text: str) -> bool:
    """Whether a reader sees anything of it."""
    return BLANK.sub("", text) != ""


def host_of(url: str) -> str:
    """All that is told of a URL: the rest may hold a password."""
    try:
        return urlsplit(url).hostname or "an odd address"
    except ValueError:
        return "an odd address"


def cleaned(value: Any) -> Any:
    """Parsed JSON with all its texts as `lines` makes them."""
    if isinstance(value, str):
        return lines(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {key: cleaned(item) for key, item in value.items()}
    return value


def _shown(text: str) -> str:
    """Half a surrogate pair is no character: no database and no terminal takes it."""
    return HALVES.sub("\ufffd", UNSEEN.sub("", undirected(text)))
