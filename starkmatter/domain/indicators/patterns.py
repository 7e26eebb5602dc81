"""Candle patterns: 100 where a rising one ends, −100 where a falling one does, 0 elsewhere (200: confirmed)."""

from starkmatter.domain.indicators.momentum import OHLC
from starkmatter.domain.indicators.records import Indicator, Line

TITLES = {
    "doji": "Doji",
    "dojistar": "Doji star",
    "dragonflydoji": "Dragonfly doji",
    "gravestonedoji": "Gravestone doji",
    "engulfing": "Engulfing",
    "hammer": "Hammer",
    "invertedhammer": "Inverted hammer",
    "hangingman": "Hanging man",
    "shootingstar": "Shooting star",
    "harami": "Harami",
    "haramicross": "Harami cross",
    "morningstar": "Morning star",
    "eveningstar": "Evening star",
    "piercing": "Piercing line",
    "darkcloudcover": "Dark cloud cover",
    "3whitesoldiers": "Three white soldiers",
    "3blackcrows": "Three black crows",
    "3inside": "Three inside",
    "3outside": "Three outside",
    "marubozu": "Marubozu",
    "spinningtop": "Spinning top",
    "kicking": "Kicking",
    "tasukigap": "Tasuki gap",
    "abandonedbaby": "Abandoned baby",
}

PATTERNS = tuple(
    Indicator(
        f"cdl_{name}",
        title,
        "Patterns",
        f"CDL{name.upper()}",
        OHLC,
        (),
        (Line("pattern", title, "histogram"),),
        "own",
        "points",
        "series",
        (0.0,),
    )
    for name, title in TITLES.items()
)
