"""Every metric that the service exposes at /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

PROVIDER_REQUESTS = Counter(
    "trunkline_provider_requests_total", "Requests sent to providers", ["provider", "operation", "outcome"]
)
PROVIDER_SECONDS = Histogram("trunkline_provider_request_seconds", "Time of a provider's answer", ["provider"])
ASSIGNMENTS = Counter("trunkline_assignments_total", "Assignments that ended", ["status", "source", "reason"])
DEBTS = Gauge("trunkline_debts", "What is still owed", ["kind"])
OVERDUE_DEBTS = Gauge("trunkline_debts_overdue", "Debts older than an hour: someone should look")
