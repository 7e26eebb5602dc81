"""What models cost, in USD per million tokens, as published on a day; a model without a price is not asked.

Source: the vendor's pricing page as of 2026-10-20 (cache writes for five minutes at 1.25 times the input).
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

from starkmatter.assistant.ports import Usage
from starkmatter.errors import Refused

PRICED_ON = date(2026, 10, 20)
MILLION = Decimal(1_000_000)
MICRO_USD = Decimal("0.000001")
# What the vendor adds to a prompt with tools, in tokens, and then some.
OVERHEAD_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens. `above` is the price of a whole call whose prompt has more than `until_tokens`."""

    input: Decimal
    output: Decimal
    cache_write: Decimal
    cache_read: Decimal
    until_tokens: int | None = None
    above: "Price | None" = None

    def at(self, prompt_tokens: int) -> "Price":
        """The price of a call with such a prompt."""
        if self.above is None or self.until_tokens is None or prompt_tokens <= self.until_tokens:
            return self
        return self.above


def _price(input_usd: str, output_usd: str, cache_read: str, **more: object) -> Price:
    given = Decimal(input_usd)
    return Price(given, Decimal(output_usd), given * Decimal("1.25"), Decimal(cache_read), **more)  # type: ignore[arg-type]


PRICES: dict[str, Price] = {
    "claude-sonnet-5-5": _price("2", "10", "0.10"),
    "claude-haiku-5-5": _price("0.10", "0.50", "0.01", until_tokens=100_000, above=_price("0.50", "2.50", "0.05")),
    "claude-opus-5-5": _price("4", "20", "0.20"),
    "claude-fable-5-1": _price("10", "50", "0.25"),
}


def price_of(model: str) -> Price:
    """The price; Refused for a model that is not on the list, since nobody could say what it spends."""
    found = PRICES.get(model)
    if found is None:
        raise Refused(f"No price is known for the model {model[:60]}, so it is not asked. An admin can choose another.")
    return found


def cost_of(model: str, usage: Usage) -> Decimal:
    """USD of a call, to the micro-dollar, rounded up."""
    price = price_of(model).at(usage.prompt_tokens)
    total = (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_write_tokens * price.cache_write
        + usage.cache_read_tokens * price.cache_read
    )
    return (total / MILLION).quantize(MICRO_USD, ROUND_CEILING)


def saved_by_cache(model: str, usage: Usage) -> Decimal:
    """USD that the call would have cost more without the cache; negative when filling it cost more than it gave."""
    plain = Usage(usage.prompt_tokens, usage.output_tokens)
    return cost_of(model, plain) - cost_of(model, usage)


def worst_cost(model: str, prompt_bytes: int, max_tokens: int) -> Decimal:
    """USD that a call cannot exceed: a token has at least one byte, all of the prompt fills the cache, all is said."""
    return cost_of(model, Usage(0, max_tokens, prompt_bytes + OVERHEAD_TOKENS, 0))
