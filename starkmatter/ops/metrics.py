"""The Prometheus registry of one process and the few measures every room may take."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from starkmatter.version import VERSION

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

BUCKETS_SECS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

BUILD = Gauge("starkmatter_build_info", "The running version.", ["version"], registry=REGISTRY)
BUILD.labels(version=VERSION).set(1)
REQUESTS = Histogram(
    "starkmatter_http_request_seconds",
    "Time to answer an HTTP request, by route template.",
    ["method", "route", "status"],
    buckets=BUCKETS_SECS,
    registry=REGISTRY,
)
JOBS = Counter("starkmatter_jobs", "Job runs by outcome.", ["job", "outcome"], registry=REGISTRY)


def exposition() -> tuple[bytes, str]:
    """The body and the content type of /metrics."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
