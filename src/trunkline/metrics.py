"""Every metric that the service exposes at /metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from trunkline import __version__

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of which nobody asks
UNTIL_AN_ASSIGNMENT = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

BUILD = Gauge("trunkline_build_info", "Always 1, with the version that runs", ["version"])
BUILD.labels(__version__).set(1)
HTTP_SECONDS = Histogram(
    "trunkline_http_request_seconds",
    "Time until our answer began, but that to Vapi's webhook",
    ["method", "route", "status"],
    buckets=UNTIL_AN_ASSIGNMENT,
)
PROVIDER_REQUESTS = Counter(
    "trunkline_provider_requests_total", "Requests sent to providers", ["provider", "operation", "outcome"]
)
PROVIDER_SECONDS = Histogram(
    "trunkline_provider_request_seconds", "Time of a provider's answer", ["provider", "operation"]
)
ASSIGNMENTS = Counter("trunkline_assignments_total", "Assignments that ended", ["status", "source", "reason"])
DEBTS = Gauge("trunkline_debts", "What is still owed", ["kind"])
BUDGETS_USED = Gauge(
    "trunkline_budget_used_ratio", "How much of the fullest budget is taken: 1 is all of it", ["budget", "limit"]
)
DRIFT = Gauge("trunkline_drift", "What carriers, Vapi and our tables say differently, when last compared", ["kind"])
INVARIANTS_BROKEN = Gauge(
    "trunkline_invariant_broken", "How often our own books are not as they must be: a defect of ours", ["invariant"]
)
OVERDUE_DEBTS = Gauge("trunkline_debts_overdue", "Debts older than an hour: someone should look")


NUMBERS = Gauge("trunkline_numbers", "Numbers that we hold or know, by state", ["state"])
MONTHLY_COST = Gauge(
    "trunkline_monthly_cost", "What the numbers that are paid for cost a month", ["carrier", "currency"]
)
UNPRICED = Gauge("trunkline_numbers_unpriced", "Numbers that are paid for at a price that nobody knows")
RUNS_RUNNING = Gauge("trunkline_runs_running", "Durable runs that have not ended", ["kind"])
BATCHES_PAUSED = Gauge("trunkline_batches_paused", "Batches that wait for a person: an account refuses everything")
BATCH_ITEMS = Gauge("trunkline_batch_items", "Restaurants in batches that have not ended", ["status"])
DELIVERIES_WAITING = Gauge("trunkline_deliveries_waiting", "Events that have not arrived at their endpoint yet")
DELIVERY_AGE = Gauge("trunkline_deliveries_oldest_seconds", "How long the oldest of them has been waiting")
ENDPOINTS_DISABLED = Gauge("trunkline_endpoints_disabled", "Endpoints to which nothing is sent any more")
DELIVERIES = Counter("trunkline_delivery_attempts_total", "Events that were sent to endpoints", ["outcome"])


class Tally(Collector):
    """A counter without labels for the hottest path, where even a metric's lock would be seen."""

    def __init__(self, name: str, documentation: str) -> None:
        self.count = 0
        self._name, self._documentation = name, documentation
        REGISTRY.register(self)

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(self._name, self._documentation, self.count)


CALLS_CONNECTED = Tally("trunkline_calls_connected", "Calls that a restaurant got")
WEBHOOKS = Counter("trunkline_webhooks_total", "Other messages from the voice platform", ["type", "status"])
UNROUTED_CALLS = Counter("trunkline_unrouted_calls_total", "Calls that no restaurant got: look into it", ["reason"])
DIRECTORY_NUMBERS = Gauge("trunkline_directory_numbers", "Numbers whose calls are answered from memory")
DIRECTORY_MISSES = Counter("trunkline_directory_misses_total", "Look-ups that the database had to answer", ["outcome"])
CALL_REPORTS = Counter("trunkline_call_reports_total", "What was heard of calls", ["outcome"])
CALL_REPORTS_WAITING = Gauge("trunkline_call_reports_waiting", "Reports of calls that are not stored yet")
TOOL_CALLS = Counter("trunkline_tool_calls_total", "Tool calls of the assistant", ["outcome"])
