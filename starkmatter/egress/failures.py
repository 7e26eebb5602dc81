"""What can go wrong with a vendor, in the few kinds that a caller, a retry and a person need to tell apart."""

from typing import Literal

from starkmatter.errors import Unavailable

FailureKind = Literal["rate_limited", "refused", "unreachable", "broken", "garbage", "paused"]
RETRYABLE: frozenset[FailureKind] = frozenset({"unreachable", "broken"})


class VendorFailure(Unavailable):
    """A vendor did not give what was asked. The text names the vendor and says what a person can do.

    `rate_limited` too many requests, `refused` the key or plan does not allow it, `unreachable` no connection or too
    late, `broken` it said itself that it failed (5xx), `garbage` an answer that is not what it promised, `paused` we
    stopped asking after several failures in a row. `retry_after_secs` when the vendor, or our own pause, said one.
    `unsent`: the request certainly never left this machine; False means that it may have.
    """

    code = "vendor_failed"
    title = "A data source did not answer"

    def __init__(
        self,
        vendor: str,
        kind: FailureKind,
        text: str,
        *,
        retry_after_secs: float | None = None,
        excerpt: str = "",
        unsent: bool = False,
    ) -> None:
        super().__init__(text)
        self.vendor = vendor
        self.kind: FailureKind = kind
        self.retry_after_secs = retry_after_secs
        self.excerpt = excerpt
        self.unsent = unsent

    @property
    def retryable(self) -> bool:
        """Whether the same read may succeed within seconds. Never a reason to send an order again."""
        return self.kind in RETRYABLE


def failure_of_status(vendor: str, status: int, *, retry_after_secs: float | None = None) -> VendorFailure:
    """The failure that an HTTP status of `vendor` stands for."""
    if status == 429:
        return VendorFailure(
            vendor, "rate_limited", f"{vendor} limits how often it may be asked.", retry_after_secs=retry_after_secs
        )
    if status in {401, 402, 403}:
        return VendorFailure(vendor, "refused", f"{vendor} refuses the key or the plan does not include this.")
    if status in {408, 425} or status >= 500:
        return VendorFailure(vendor, "broken", f"{vendor} has a problem of its own (status {status}).")
    return VendorFailure(vendor, "garbage", f"{vendor} answered with status {status}.")
