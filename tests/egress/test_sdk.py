"""Vendors' SDKs imported by several threads at once: each import is whole."""

import subprocess
import sys

from starkmatter.market.providers import alpaca_rest as data
from starkmatter.trading.brokers import alpaca as trading

AT_ONCE = """
import sys, threading
from starkmatter.egress.sdk import load
begin, failures = threading.Barrier({count}), []
def work(names):
    begin.wait()
    try:
        load(*names)
    except Exception as error:
        failures.append(repr(error))
threads = [threading.Thread(target=work, args=(names,)) for names in {names!r}]
[one.start() for one in threads], [one.join() for one in threads]
sys.exit("; ".join(failures) or 0)
"""


def test_the_brokers_sdk_can_be_needed_by_all_threads_at_once() -> None:
    names = [tuple(reversed(trading.SDK)), trading.SDK, data.SDK, tuple(reversed(data.SDK)), ("yfinance",)]
    script = AT_ONCE.format(count=len(names), names=names)
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
