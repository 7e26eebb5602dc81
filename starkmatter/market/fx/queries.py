"""Every SQL statement about exchange rates."""

from typing import LiteralString

NEWEST_DAY: LiteralString = "SELECT max(day) FROM fx_rate"

# Days are rows by the thousand: they come as columns.
PUT_RATES: LiteralString = """
INSERT INTO fx_rate AS known (day, currency, per_euro, source, observed_at)
SELECT day, currency, per_euro, %(source)s, %(now)s
  FROM unnest(%(days)s::date[], %(currencies)s::text[], %(rates)s::numeric[]) AS told (day, currency, per_euro)
    ON CONFLICT (day, currency) DO UPDATE
   SET per_euro = excluded.per_euro, source = excluded.source, observed_at = excluded.observed_at
 WHERE (known.per_euro, known.source) IS DISTINCT FROM (excluded.per_euro, excluded.source)
"""

# The last day that has all the currencies asked for.
RATES_BY: LiteralString = """
SELECT day, max(per_euro) FILTER (WHERE currency = %(base)s), max(per_euro) FILTER (WHERE currency = %(quote)s),
       max(source)
  FROM fx_rate
 WHERE day <= %(on)s AND currency = ANY (%(currencies)s)
 GROUP BY day HAVING count(*) = cardinality(%(currencies)s::text[])
 ORDER BY day DESC LIMIT 1
"""

RATES_BETWEEN: LiteralString = """
SELECT currency, array_agg(day ORDER BY day), array_agg(per_euro ORDER BY day)
  FROM fx_rate WHERE currency = ANY (%(currencies)s) AND day BETWEEN %(first)s AND %(last)s GROUP BY currency
"""

KNOWN_CURRENCIES: LiteralString = "SELECT DISTINCT currency FROM fx_rate WHERE currency = ANY (%(currencies)s)"
