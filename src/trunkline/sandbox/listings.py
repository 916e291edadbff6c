"""How a vendor's list can be wrong: late, partial, repeated, cut short or without an end."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.faults import Fault

# How the vendors' clients ask for a later page; without these it is the first one.
PAGING = ("Page", "PageToken", "page", "page[number]", "index", "createdAtLt", "createdAtLe")


def first_page(query: str) -> str:
    """The same list from its beginning."""
    return urlencode([(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in PAGING])


def distorted(fault: Fault, request: Request, response: Response) -> Response:
    """The vendor's answer as the fault has it; an answer that is no list stays as it is."""
    body = json.loads(bytes(response.body)) if response.status_code == 200 else None
    rows = rows_of(body)
    if rows is None:
        return response
    hit = [at for at, row in enumerate(rows) if fault.lacking is None or fault.lacking in json.dumps(row)][: fault.rows]
    if fault.kind in ("lag", "miss"):
        rows[:] = [row for at, row in enumerate(rows) if at not in hit]
        if fault.kind == "lag":
            count(body, -len(hit))
    elif fault.kind == "repeat":
        rows[:] = [row for at, row in enumerate(rows) for _ in range(2 if at in hit else 1)]
    elif fault.kind == "shrink":
        del rows[max(len(rows) - fault.rows, 0) :]
        close(body, len(rows), request)
    else:
        open_up(body, len(rows), request)
    kept = {name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")}
    return JSONResponse(body, headers=kept)


def rows_of(body: Any) -> list[Any] | None:
    """The rows of an answer in any of the vendors' forms."""
    if isinstance(body, list):
        return body
    return next((value for value in body.values() if isinstance(value, list)), None) if isinstance(body, dict) else None


def count(body: Any, change: int) -> None:
    """Say that there are more, or fewer, rows in all."""
    for holder in holders(body):
        tell(body, {key: holder[key] + change for key in ("totalItems", "total_results", "count") if key in holder})


def close(body: Any, shown: int, request: Request) -> None:
    """Say that this page is the last one."""
    page, size = page_of(body, request)
    total = (page - 1) * size + shown
    totals = {"totalItems": total, "total_results": total, "count": total}
    pages = {"totalPages": page, "total_pages": page, "hasNextPage": False, "next_page_uri": None}
    tell(body, totals | pages)


def open_up(body: Any, shown: int, request: Request) -> None:
    """Say that this is the page that was asked for, and that there is one more."""
    page, size = page_of(body, request)
    total = page * size + shown
    totals = {"totalItems": total, "total_results": total, "count": total}
    pages = {"totalPages": page + 1, "total_pages": page + 1, "hasNextPage": True, "currentPage": page}
    here = int(request.query_params.get("Page", "0"))
    query = urlencode({"PageSize": size, "Page": here + 1, "PageToken": f"PA{here + 1:032x}"})
    twilio = {"page": here, "next_page_uri": f"{request.url.path}?{query}"}
    tell(body, totals | pages | twilio | {"page_number": page})


def page_of(body: Any, request: Request) -> tuple[int, int]:
    """The page's number, from 1, and its size."""
    query = request.query_params
    number = query.get("page") or query.get("page[number]") or query.get("index") or "1"
    sizes = [holder[key] for holder in holders(body) for key in ("itemsPerPage", "page_size") if key in holder]
    return int(number), int(sizes[0] if sizes else query.get("size", "10"))


def holders(body: Any) -> list[dict[str, Any]]:
    """Where the vendors count rows and pages: in `metadata`, in `meta`, or in the answer itself."""
    if not isinstance(body, dict):
        return []
    return [holder for holder in (body.get("metadata"), body.get("meta"), body) if isinstance(holder, dict)]


def tell(body: Any, facts: dict[str, Any]) -> None:
    """Set each of these facts where the answer has it."""
    for holder in holders(body):
        holder.update({key: value for key, value in facts.items() if key in holder})
