"""What an order in a margin account leads to, in sentences: what it borrows, what that costs, what has to be kept."""

from decimal import Decimal

from starkmatter.domain.financing import Financing, borrow_fee, margin_interest
from starkmatter.domain.margin import short_equity_needed
from starkmatter.domain.money import ZERO, plain
from starkmatter.domain.orders import OrderRequest, opens_short
from starkmatter.trading.lending.state import Judged


def lending_words(
    request: OrderRequest,
    qty: Decimal,
    price: Decimal,
    held_qty: Decimal,
    judged: Judged,
    terms: Financing,
    currency: str,
) -> list[str]:
    """One sentence each; `held_qty` is signed, `price` what a share is reckoned at."""
    found = []
    borrowed = opens_short(held_qty, qty) if request.side == "sell" else ZERO
    if borrowed:
        needed = short_equity_needed(borrowed, price)
        nightly = borrow_fee(terms.borrow, borrowed, price)
        cost = f"borrowing costs {nightly:,.2f} {currency} a night" if nightly else "borrowing costs nothing"
        found.append(
            f"It sells {plain(borrowed)} {request.symbol} short: they are borrowed and have to be bought back. "
            f"{needed:,.2f} {currency} of your equity stands behind them, and {cost} at this price."
        )
        found.append("A short position loses when the price rises, and there is no limit to how far it can.")
    if request.side == "buy" and held_qty < 0:
        closed = min(-held_qty, qty)
        found.append(f"It buys back {plain(closed)} of the {plain(-held_qty)} {request.symbol} that you are short.")
    if judged.after is None or judged.cash_after is None:
        return found
    if judged.cash_after < 0 and judged.cash_after < judged.now.cash:
        nightly = margin_interest(terms, -judged.cash_after)
        percent = plain((terms.margin_yearly_ratio * 100).normalize())
        cost = f"{nightly:,.2f} {currency} a night at {percent} % a year" if nightly else "nothing"
        found.append(f"It leaves you owing {-judged.cash_after:,.2f} {currency}: interest is {cost}.")
    if judged.after.maintenance:
        found.append(
            f"After it {judged.after.maintenance:,.2f} {currency} of {judged.after.equity:,.2f} {currency} equity have "
            "to be kept: below that, positions are closed for you unless you add cash in time."
        )
    return found
