"""An OpenTelemetry collector on loopback, which keeps the spans that it gets."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.loopback import LoopbackServer, QuietHandler


class Collector(LoopbackServer):
    """Use as a context manager. `url` is what OTEL_EXPORTER_OTLP_ENDPOINT is set to; a server sends the last spans when
    it ends."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.bodies: list[bytes] = []
        collector = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = self.body()
                assert self.path == "/v1/traces"
                collector.take(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        super().__init__(Handler)
        self.url = self.address

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.services.add(named["service.name"])
            self.spans.extend(span for scope in resource.scope_spans for span in scope.spans)

    def named(self, name: str) -> Any:
        """The one span that is called so."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def tree(self, trace_id: str) -> list[str]:
        """The spans of a trace as they began, each after as many blanks as there are spans around it."""
        ours = sorted(
            (s for s in self.spans if s.trace_id.hex() == trace_id), key=lambda s: int(s.start_time_unix_nano)
        )
        parents = {span.span_id: span.parent_span_id for span in ours}

        def depth(span_id: bytes) -> int:
            return 1 + depth(parents[span_id]) if parents.get(span_id) in parents else 0

        return [" " * depth(span.span_id) + span.name for span in ours]


def told(span: Any) -> dict[str, Any]:
    """The attributes of a span."""
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}
