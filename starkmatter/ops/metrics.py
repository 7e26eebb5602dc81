"""The Prometheus registry of one process and the few measures every room may take."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from starkmatter.clock import monotonic_secs
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
STREAM_CLIENTS = Gauge("starkmatter_stream_clients", "Open sockets on /api/v1/stream.", registry=REGISTRY)
STREAM_MESSAGES = Counter("starkmatter_stream_messages", "Messages sent on /api/v1/stream.", registry=REGISTRY)
FEED_QUOTES = Counter("starkmatter_feed_quotes", "Quotes taken from the feed.", ["venue"], registry=REGISTRY)
FEED_AGE_SECS = Gauge("starkmatter_feed_age_seconds", "Age of the newest quote.", ["venue"], registry=REGISTRY)
ORDERS = Counter("starkmatter_orders", "Orders by the state they reached.", ["status"], registry=REGISTRY)
JOBS = Counter("starkmatter_jobs", "Job runs by outcome.", ["job", "outcome"], registry=REGISTRY)
UP = Gauge("starkmatter_up", "1 when the part answers.", ["part"], registry=REGISTRY)


@contextmanager
def timed(histogram: Histogram) -> Iterator[None]:
    """Observe how long the block took, in seconds, whatever its outcome."""
    started = monotonic_secs()
    try:
        yield
    finally:
        histogram.observe(monotonic_secs() - started)


def exposition() -> tuple[bytes, str]:
    """The body and the content type of /metrics."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
