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

# --- what was told each time ------------------------------------------------------------------------------------------

TELL = """
INSERT INTO action_told (venue, action_id, revision, symbol, ex_on, currency, kind, numerator, denominator, price,
                         cost_pct, to_symbol, provider, told_at)
VALUES (%(venue)s, %(action_id)s, %(revision)s, %(symbol)s, %(ex_on)s, %(currency)s, %(kind)s, %(numerator)s,
        %(denominator)s, %(price)s, %(cost_pct)s, %(to_symbol)s, %(provider)s, %(now)s)
    ON CONFLICT DO NOTHING
"""

# What stands in the sources' table against the last that a source told: a person's word outlives the same word again.
TELL_SPLITS = """
INSERT INTO action_told (venue, action_id, revision, symbol, ex_on, currency, kind, numerator, denominator, provider,
                         told_at)
SELECT 'market', 'split/' || s.symbol || '/' || s.ex_on,
       coalesce((SELECT max(t.revision) FROM action_told t
                  WHERE t.venue = 'market' AND t.action_id = 'split/' || s.symbol || '/' || s.ex_on), 0) + 1,
       s.symbol, s.ex_on, 'USD', 'split', s.numerator, s.denominator, s.provider, %(now)s
  FROM corporate_split s
  LEFT JOIN LATERAL (
       SELECT t.kind, t.numerator, t.denominator FROM action_told t
        WHERE t.venue = 'market' AND t.action_id = 'split/' || s.symbol || '/' || s.ex_on
          AND t.provider <> ALL (%(not_a_source)s::text[])
        ORDER BY t.revision DESC LIMIT 1) AS last ON true
 WHERE s.symbol = %(symbol)s
   AND (last.kind, last.numerator, last.denominator) IS DISTINCT FROM ('split', s.numerator, s.denominator)
    ON CONFLICT DO NOTHING
"""

TELL_DIVIDENDS = """
INSERT INTO action_told (venue, action_id, revision, symbol, ex_on, currency, kind, price, provider, told_at)
SELECT 'market', 'dividend/' || d.symbol || '/' || d.ex_on,
       coalesce((SELECT max(t.revision) FROM action_told t
                  WHERE t.venue = 'market' AND t.action_id = 'dividend/' || d.symbol || '/' || d.ex_on), 0) + 1,
       d.symbol, d.ex_on, d.currency, 'dividend', d.amount, d.provider, %(now)s
  FROM corporate_dividend d
  LEFT JOIN LATERAL (
       SELECT t.kind, t.price, t.currency FROM action_told t
        WHERE t.venue = 'market' AND t.action_id = 'dividend/' || d.symbol || '/' || d.ex_on
          AND t.provider <> ALL (%(not_a_source)s::text[])
        ORDER BY t.revision DESC LIMIT 1) AS last ON true
 WHERE d.symbol = %(symbol)s
   AND (last.kind, last.price, last.currency) IS DISTINCT FROM ('dividend', d.amount, d.currency::text)
    ON CONFLICT DO NOTHING
"""

TELL_WITHDRAWN = """
INSERT INTO action_told (venue, action_id, revision, symbol, ex_on, currency, provider, told_at)
SELECT 'market', last.action_id, last.revision + 1, last.symbol, last.ex_on, last.currency, last.provider, %(now)s
  FROM (SELECT DISTINCT ON (action_id) * FROM action_told
         WHERE venue = 'market' AND symbol = %(symbol)s ORDER BY action_id, revision DESC) AS last
 WHERE last.ex_on > %(today)s AND last.kind IN ('split', 'dividend')
   AND last.provider <> ALL (%(not_a_source)s::text[])
   AND NOT EXISTS (SELECT FROM corporate_split s
                    WHERE last.kind = 'split' AND s.symbol = last.symbol AND s.ex_on = last.ex_on)
   AND NOT EXISTS (SELECT FROM corporate_dividend d
                    WHERE last.kind = 'dividend' AND d.symbol = last.symbol AND d.ex_on = last.ex_on)
    ON CONFLICT DO NOTHING
"""

TOLD_DIVIDENDS = """
SELECT symbol, ex_on, price AS amount, currency, NULL::date AS pay_on, provider
  FROM (SELECT DISTINCT ON (action_id) * FROM action_told
         WHERE venue = %(venue)s AND symbol = ANY (%(symbols)s) ORDER BY action_id, revision DESC) AS last
 WHERE kind = 'dividend' AND ex_on <= %(today)s ORDER BY symbol, ex_on
"""

NEWEST_TELLING = "SELECT coalesce(max(id), 0) FROM action_told"

# All revisions of an action come, also those that name another day: the newest of them counts.
TOLD_OF = """
SELECT id, action_id, revision, symbol, ex_on, currency, kind, numerator, denominator, price, cost_pct, to_symbol,
       provider, told_at
  FROM action_told
 WHERE venue = %(venue)s
   AND action_id IN (SELECT action_id FROM action_told
                      WHERE venue = %(venue)s AND symbol = ANY (%(symbols)s) AND ex_on > %(after)s)
 ORDER BY id
"""
