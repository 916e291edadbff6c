"""Spans of what is done, sent to an OpenTelemetry collector where one is set. Nothing of it is loaded else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

import structlog

from trunkline import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

log = structlog.get_logger()
Kind = Literal["INTERNAL", "SERVER", "CLIENT"]
Attributes = Mapping[str, str | int | None]
HINT = "pip install 'trunkline[otel]'"
_collected: list[tuple[TracerProvider, Tracer]] = []
_HERE: ContextVar[Span | None] = ContextVar("span", default=None)


def collect(endpoint: str | None) -> None:
    """From now on spans go there, as OTLP over HTTP; to nobody, where there is no endpoint. Of the library's own
    settings in the environment those count that say how much is kept (OTEL_TRACES_SAMPLER), how it is sent
    (OTEL_EXPORTER_OTLP_HEADERS, OTEL_BSP_...) and who we are (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES)."""
    if endpoint is None:
        return
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        log.warning("no traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT is set, the extra is not there", hint=HINT)
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = Resource({"service.name": "trunkline", "service.version": __version__})
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    _collected.append((provider, provider.get_tracer("trunkline", __version__)))


def stop_collecting(seconds: float) -> None:
    """Send what is left, for so long."""
    while _collected:
        provider, _ = _collected.pop()
        sending = Thread(target=provider.shutdown, daemon=True)
        sending.start()
        sending.join(seconds)


@contextmanager
def begun(name: str, attributes: Attributes, *, kind: Kind = "INTERNAL", within: str | None = None) -> Iterator[None]:
    """Inside, what is done is told by a span of this name, which begins a trace where there is none. `within` is the
    `traceparent` of what it is a part of, elsewhere or before. Attributes tell nobody's number, and no secret: they
    leave the house. An error is told by its class alone."""
    if not _collected:
        yield
        return
    from opentelemetry.trace import SpanKind, StatusCode

    span = _collected[-1][1].start_span(name, _parent(within), SpanKind[kind])
    before = _HERE.set(span)
    tell(attributes)
    try:
        yield
    except BaseException as error:
        tell({"error.type": type(error).__name__})
        span.set_status(StatusCode.ERROR)
        raise
    finally:
        _HERE.reset(before)
        span.end()


@contextmanager
def part(name: str, attributes: Attributes, *, kind: Kind = "INTERNAL") -> Iterator[None]:
    """The same for what is of interest as a part alone: no span outside of another one."""
    if _HERE.get() is None:
        yield
        return
    with begun(name, attributes, kind=kind):
        yield


def tell(attributes: Attributes, name: str | None = None) -> None:
    """More of the span that we are in, or its better name."""
    if span := _HERE.get():
        span.set_attributes({key: value for key, value in attributes.items() if value is not None})
        if name is not None:
            span.update_name(name)


def traceparent() -> str | None:
    """Of the span that we are in, as W3C writes it, so that what is done later is a part of it."""
    if (span := _HERE.get()) is None:
        return None
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def trace_id() -> str | None:
    """Of the trace that we are in."""
    given = traceparent()
    return given.split("-")[1] if given else None


def _parent(within: str | None) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if within is not None:
        return TraceContextTextMapPropagator().extract({"traceparent": within}, Context())
    here = _HERE.get()
    return set_span_in_context(here, Context()) if here else Context()
