"""Every SQL statement about corporate actions. A row that is told as it was keeps the instant it was first seen."""

from typing import LiteralString

SPLITS: LiteralString = """
SELECT symbol, ex_on, numerator, denominator, provider FROM corporate_split WHERE symbol = %(symbol)s ORDER BY ex_on
"""

DIVIDENDS: LiteralString = """
SELECT symbol, ex_on, amount, currency, pay_on, provider FROM corporate_dividend
 WHERE symbol = %(symbol)s ORDER BY ex_on
"""

DIVIDENDS_OF: LiteralString = """
SELECT symbol, ex_on, amount, currency, pay_on, provider FROM corporate_dividend
 WHERE symbol = ANY (%(symbols)s) ORDER BY symbol, ex_on
"""

EARNINGS: LiteralString = """
SELECT symbol, reports_on, hour, estimated, provider FROM earnings_date WHERE symbol = %(symbol)s ORDER BY reports_on
"""

PUT_SPLITS: LiteralString = """
INSERT INTO corporate_split AS known (symbol, ex_on, numerator, denominator, provider, observed_at)
SELECT %(symbol)s, ex_on, numerator, denominator, provider, %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS told (ex_on date, numerator numeric, denominator numeric, provider text)
    ON CONFLICT (symbol, ex_on) DO UPDATE
   SET numerator = excluded.numerator, denominator = excluded.denominator, provider = excluded.provider,
       observed_at = excluded.observed_at
 WHERE (known.numerator, known.denominator, known.provider)
       IS DISTINCT FROM (excluded.numerator, excluded.denominator, excluded.provider)
"""

# A source that does not tell the pay date leaves the one another has told of the same dividend.
PUT_DIVIDENDS: LiteralString = """
INSERT INTO corporate_dividend AS known (symbol, ex_on, amount, currency, pay_on, provider, observed_at)
SELECT %(symbol)s, ex_on, amount, currency, pay_on, provider, %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS told (ex_on date, amount numeric, currency text, pay_on date, provider text)
    ON CONFLICT (symbol, ex_on) DO UPDATE
   SET amount = excluded.amount, currency = excluded.currency, pay_on = coalesce(excluded.pay_on, known.pay_on),
       provider = excluded.provider, observed_at = excluded.observed_at
 WHERE (known.amount, known.currency, known.pay_on, known.provider) IS DISTINCT FROM
       (excluded.amount, excluded.currency, coalesce(excluded.pay_on, known.pay_on), excluded.provider)
"""

PUT_EARNINGS: LiteralString = """
INSERT INTO earnings_date AS known (symbol, reports_on, hour, estimated, provider, observed_at)
SELECT %(symbol)s, reports_on, hour, estimated, provider, %(now)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS told (reports_on date, hour text, estimated boolean, provider text)
    ON CONFLICT (symbol, reports_on) DO UPDATE
   SET hour = excluded.hour, estimated = excluded.estimated, provider = excluded.provider,
       observed_at = excluded.observed_at
 WHERE (known.hour, known.estimated, known.provider)
       IS DISTINCT FROM (excluded.hour, excluded.estimated, excluded.provider)
"""

# What a source had announced and announces no more has moved to another day or was called off.
FORGET_SPLITS: LiteralString = """
DELETE FROM corporate_split
 WHERE symbol = %(symbol)s AND provider = %(provider)s AND ex_on > %(today)s AND ex_on <> ALL (%(days)s::date[])
"""

FORGET_DIVIDENDS: LiteralString = """
DELETE FROM corporate_dividend
 WHERE symbol = %(symbol)s AND provider = %(provider)s AND ex_on > %(today)s AND ex_on <> ALL (%(days)s::date[])
"""

FORGET_EARNINGS: LiteralString = """
DELETE FROM earnings_date
 WHERE symbol = %(symbol)s AND provider = %(provider)s AND reports_on > %(today)s
   AND reports_on <> ALL (%(days)s::date[])
"""

COVERAGE: LiteralString = """
SELECT symbol, fetched_at, provider, earnings_by FROM action_coverage WHERE symbol = %(symbol)s
"""

PUT_COVERAGE: LiteralString = """
INSERT INTO action_coverage (symbol, fetched_at, provider, earnings_by)
VALUES (%(symbol)s, %(now)s, %(provider)s, %(earnings_by)s)
    ON CONFLICT (symbol) DO UPDATE
   SET fetched_at = excluded.fetched_at, provider = excluded.provider, earnings_by = excluded.earnings_by
"""

# Those that were not asked for lately, the longest waiting first; an index does nothing of the kind.
DUE_SYMBOLS: LiteralString = """
SELECT wanted.symbol
  FROM (SELECT unnest(%(held)s::text[]) AS symbol
        UNION SELECT unnest(symbols) FROM watchlist WHERE venue = 'market'
        UNION SELECT symbol FROM bar_coverage) AS wanted
  LEFT JOIN action_coverage ON action_coverage.symbol = wanted.symbol
  JOIN instrument ON instrument.venue = 'market' AND instrument.symbol = wanted.symbol
 WHERE instrument.kind IN ('equity', 'etf') AND (fetched_at IS NULL OR fetched_at < %(before)s)
 ORDER BY fetched_at NULLS FIRST, wanted.symbol
 LIMIT %(limit)s
"""

# The close of the last stored day before each ex-date, in shares as they are stored.
CLOSES_BEFORE: LiteralString = """
SELECT ex_on, (SELECT close FROM bar
                WHERE bar.venue = 'market' AND bar.symbol = %(symbol)s AND interval = '1d' AND seed = 0
                  AND starts_at < ex_on::timestamp AT TIME ZONE 'America/New_York'
                ORDER BY starts_at DESC LIMIT 1) AS close
  FROM unnest(%(days)s::date[]) AS paid (ex_on)
"""

BARS_FETCHED_AT: LiteralString = """
SELECT fetched_at FROM bar_coverage WHERE symbol = %(symbol)s AND interval = %(interval)s
"""
