"""Which symbols a text is about: cashtags, tickers where nothing else can be meant, and companies by name.

Rather a missed link than a wrong one: what is also an ordinary word counts only where it is written like a name.
"""

import re
from collections.abc import Iterable, Sequence

from starkmatter.domain.pairs import COINS, DOLLAR, pair_of

MAX_SYMBOLS = 8
BARE_TICKER_CHARS = 3

CASHTAG = re.compile(r"(?<![\w$])\$(\^?[A-Za-z]{1,6}(?:[.-][A-Za-z])?)(?![\w$])")
LISTED = re.compile(r"\b(?:NASDAQ|NYSE(?: (?:American|Arca))?|AMEX|CBOE|OTC)\s*:\s*([A-Z]{1,6}(?:[.-][A-Z])?)\b")
TICKER = re.compile(r"(?<![\w$.&-])([A-Z]{1,6}(?:[.-][A-Z])?)(?![\w&-]|\.\w)")
LEGAL = re.compile(
    r"(,? (inc|incorporated|corp|corporation|co|company|companies|ltd|limited|plc|group|holdings?|n\.?v|s\.?a|se|ag|"
    r"& co|and company)\.?)+$",
    re.IGNORECASE,
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Tickers that are written in capitals for other reasons.
WORDS_IN_CAPITALS = _set(
    "ALL AND ANY APP ARE ART BIG BOX BUY CAN CAR CAT CEO CFO CIA COO CPI CRM DAY DOW EAT ETF EPS EU FAST FED FDA "
    "FOR FTC FUN GAP GDP GOLD GOOD HAS HE HER HOPE IPO IRS IT JOB KEY LIFE LOVE LOW MAN MAY MEN NATO NEW NEXT NICE NOT "
    "NOW NYSE OLD ON ONE OPEN OR OUT PAY PLAY PLUS POST REAL RUN SAVE SEC SEE SELL SHE SO STAY SUN TALK TEAM TECH THE "
    "TOP TRUE TV TWO UK UN US USA USD VERY VIA WAY WE WELL WHO WIN WORK YOU"
)
# A name that is also a word means something else before or after these.
NOT_BEFORE = _set(
    "pie pies juice cider sauce orchard orchards tree trees harvest picking blossom river rainforest basin forest "
    "practice price"
)
NOT_AFTER = frozenset({"big"})
# Coins whose name is a word even with a capital letter.
COINS_ALSO_WORDS = frozenset({"Avalanche", "Stellar", "Cosmos"})
SHORT_NAMES = {
    "GOOG": ("Google",),
    "AMZN": ("Amazon",),
    "META": ("Meta", "Facebook"),
    "AMD": ("Advanced Micro Devices",),
    "JPM": ("JPMorgan", "JP Morgan"),
    "JNJ": ("J&J",),
    "KO": ("Coca-Cola",),
    "LLY": ("Eli Lilly",),
    "PG": ("P&G", "Procter & Gamble"),
    "XOM": ("ExxonMobil", "Exxon"),
    "UNH": ("UnitedHealth",),
    "HD": ("Home Depot",),
    "NVDA": ("Nvidia",),
    "MRK": ("Merck",),
}


def company_name(name: str) -> str:
    """The name without its legal form: `Apple` for `Apple Inc.`, `Home Depot` for `The Home Depot, Inc.`."""
    plain = re.sub(r"\s*\([^)]*\)", "", name).strip().removeprefix("The ")
    return LEGAL.sub("", plain).strip(" ,.&") or plain


def written_as(symbol: str) -> tuple[str, ...]:
    """How a pair or coin stands in a text; nothing for every other symbol."""
    pair = pair_of(symbol)
    if pair is None:
        return ()
    name = COINS.get(pair.base, "")
    written = (f"{pair.base}/{pair.quote}", f"{pair.base}{pair.quote}")
    return (*written, name) if name and name not in COINS_ALSO_WORDS else written


class Linker:
    """Knows the instruments (symbol and name) once and reads many texts."""

    def __init__(self, instruments: Iterable[tuple[str, str]]) -> None:
        self._symbols: set[str] = set()
        names: dict[str, str] = {}
        for symbol, name in instruments:
            self._symbols.add(symbol)
            for one in written_as(symbol) or (company_name(name), *SHORT_NAMES.get(symbol, ())):
                if len(one) >= BARE_TICKER_CHARS:
                    names.setdefault(one, symbol)
        self._names = names
        longest_first = sorted(names, key=len, reverse=True)
        self._pattern = (
            re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, longest_first)) + r")(?:['’]s)?(?![\w-])")
            if names
            else None
        )

    def symbols_in(self, *texts: str) -> tuple[str, ...]:
        """The symbols, in the order they are first meant; at most MAX_SYMBOLS."""
        found: dict[str, None] = {}
        for text in texts:
            for _, symbol in sorted([*self._tagged(text), *self._tickers(text), *self._named(text)]):
                found.setdefault(symbol)
        return tuple(found)[:MAX_SYMBOLS]

    def _tagged(self, text: str) -> list[tuple[int, str]]:
        hits = [(one.start(), one[1].upper()) for one in CASHTAG.finditer(text)]
        coins = self._coins(hits)
        hits += [(one.start(), one[1]) for one in LISTED.finditer(text)]
        return [*self._known(hits), *coins]

    def _tickers(self, text: str) -> list[tuple[int, str]]:
        if not any(char.islower() for char in text):
            return []  # Where everything is in capitals, capitals mean nothing.
        hits = [(one.start(), one[1]) for one in TICKER.finditer(text)]
        return self._known(
            [hit for hit in hits if len(hit[1]) >= BARE_TICKER_CHARS and hit[1] not in WORDS_IN_CAPITALS]
        )

    def _named(self, text: str) -> list[tuple[int, str]]:
        if self._pattern is None:
            return []
        return [
            (one.start(), self._names[one[1]])
            for one in self._pattern.finditer(text)
            if " " in one[1] or self._is_meant(text, one)
        ]

    def _is_meant(self, text: str, hit: re.Match[str]) -> bool:
        before = _words(text[: hit.start()])[-1:]
        after = _words(text[hit.end() :])[:1]
        return not (set(before) & NOT_AFTER or set(after) & NOT_BEFORE)

    def _coins(self, hits: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        """A cashtag of a coin, where no share has it."""
        priced = [(at, f"{tag}-{DOLLAR}") for at, tag in hits if tag not in self._symbols]
        return [hit for hit in priced if hit[1] in self._symbols]

    def _known(self, hits: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        spelled = [(at, symbol, symbol.replace("-", ".")) for at, symbol in hits]
        return [
            (at, one if one in self._symbols else dotted)
            for at, one, dotted in spelled
            if {one, dotted} & self._symbols
        ]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())
