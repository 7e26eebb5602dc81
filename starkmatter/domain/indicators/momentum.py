"""Oscillators: how fast the price moves and how far it has gone."""

from starkmatter.domain.indicators.averages import CLOSE, HL, HLC
from starkmatter.domain.indicators.records import Indicator, Input, Line, Memory, Parameter, period, whole

OHLC: tuple[Input, ...] = ("open", "high", "low", "close")


def oscillator(
    name: str,
    title: str,
    function: str,
    inputs: tuple[Input, ...],
    *parameters: Parameter,
    unit: str = "points",
    memory: Memory = "series",
    levels: tuple[float, ...] = (),
    lines: tuple[Line, ...] = (),
    group: str = "Momentum",
) -> Indicator:
    shown = lines or (Line(name, title),)
    return Indicator(name, title, group, function, inputs, parameters, shown, "own", unit, memory, levels)


FAST_SLOW = (whole("fast", 12, "fastperiod"), whole("slow", 26, "slowperiod"))
SIGNAL = whole("signal", 9, "signalperiod", least=1)
ZERO = (0.0,)

MOMENTUM = (
    oscillator("rsi", "Relative strength index", "RSI", CLOSE, period(14), levels=(30, 70)),
    oscillator(
        "macd",
        "MACD",
        "MACD",
        CLOSE,
        *FAST_SLOW,
        SIGNAL,
        unit="price",
        lines=(Line("macd", "MACD"), Line("signal", "Signal"), Line("histogram", "Histogram", "histogram")),
    ),
    oscillator(
        "stoch",
        "Stochastic",
        "STOCH",
        HLC,
        whole("k", 14, "fastk_period", least=1),
        whole("smooth", 3, "slowk_period", least=1),
        whole("d", 3, "slowd_period", least=1),
        levels=(20, 80),
        lines=(Line("k", "%K"), Line("d", "%D")),
    ),
    oscillator(
        "stochf",
        "Fast stochastic",
        "STOCHF",
        HLC,
        whole("k", 5, "fastk_period", least=1),
        whole("d", 3, "fastd_period", least=1),
        levels=(20, 80),
        lines=(Line("k", "%K"), Line("d", "%D")),
    ),
    oscillator(
        "stochrsi",
        "Stochastic RSI",
        "STOCHRSI",
        CLOSE,
        period(14),
        whole("k", 14, "fastk_period", least=1),
        whole("d", 3, "fastd_period", least=1),
        levels=(20, 80),
        lines=(Line("k", "%K"), Line("d", "%D")),
    ),
    oscillator(
        "kdj",
        "KDJ",
        "KDJ",
        HLC,
        whole("k", 9, "fastk_period", least=1),
        whole("smooth", 3, "slowk_period", least=1),
        whole("d", 3, "slowd_period", least=1),
        levels=(20, 80),
        lines=(Line("k", "K"), Line("d", "D"), Line("j", "J")),
    ),
    oscillator(
        "smi",
        "Stochastic momentum index",
        "SMI",
        HLC,
        period(13),
        whole("fast", 2, "fastperiod"),
        whole("slow", 25, "slowperiod"),
        SIGNAL,
        levels=(-40, 40),
        lines=(Line("smi", "SMI"), Line("signal", "Signal")),
    ),
    oscillator("cci", "Commodity channel index", "CCI", HLC, period(20), levels=(-100, 100)),
    oscillator("willr", "Williams %R", "WILLR", HLC, period(14), unit="percent", memory="window", levels=(-80, -20)),
    oscillator("mom", "Momentum", "MOM", CLOSE, period(10, least=1), unit="price", memory="window", levels=ZERO),
    oscillator(
        "roc", "Rate of change", "ROC", CLOSE, period(10, least=1), unit="percent", memory="window", levels=ZERO
    ),
    oscillator("cmo", "Chande momentum oscillator", "CMO", CLOSE, period(14), levels=(-50, 50)),
    oscillator("apo", "Absolute price oscillator", "APO", CLOSE, *FAST_SLOW, unit="price", levels=ZERO),
    oscillator("ppo", "Percentage price oscillator", "PPO", CLOSE, *FAST_SLOW, unit="percent", levels=ZERO),
    oscillator(
        "ao",
        "Awesome oscillator",
        "AO",
        HL,
        whole("fast", 5, "fastperiod"),
        whole("slow", 34, "slowperiod"),
        unit="price",
        lines=(Line("ao", "AO", "histogram"),),
    ),
    oscillator(
        "ac",
        "Accelerator oscillator",
        "AC",
        HL,
        whole("fast", 5, "fastperiod"),
        whole("slow", 34, "slowperiod"),
        whole("signal", 5, "signalperiod"),
        unit="price",
        lines=(Line("ac", "AC", "histogram"),),
    ),
    oscillator("trix", "TRIX", "TRIX", CLOSE, period(15), unit="percent", levels=ZERO),
    oscillator(
        "tsi",
        "True strength index",
        "TSI",
        CLOSE,
        whole("first", 25, "firstperiod"),
        whole("second", 13, "secondperiod"),
        levels=ZERO,
    ),
    oscillator(
        "ultosc",
        "Ultimate oscillator",
        "ULTOSC",
        HLC,
        whole("short", 7, "timeperiod1"),
        whole("middle", 14, "timeperiod2"),
        whole("long", 28, "timeperiod3"),
        levels=(30, 70),
    ),
    oscillator("bop", "Balance of power", "BOP", OHLC, unit="ratio", memory="window", levels=ZERO),
    oscillator("imi", "Intraday momentum index", "IMI", ("open", "close"), period(14), levels=(30, 70)),
    oscillator("qstick", "Qstick", "QSTICK", ("open", "close"), period(10), unit="price", levels=ZERO),
    oscillator("dpo", "Detrended price oscillator", "DPO", CLOSE, period(20), unit="price", levels=ZERO),
    oscillator("fosc", "Forecast oscillator", "FOSC", CLOSE, period(5), unit="percent", levels=ZERO),
    oscillator(
        "coppock",
        "Coppock curve",
        "COPPOCK",
        CLOSE,
        whole("smooth", 10, "wmaperiod"),
        whole("short", 11, "roc1period"),
        whole("long", 14, "roc2period"),
        unit="percent",
        levels=ZERO,
    ),
    oscillator(
        "eri",
        "Elder ray",
        "ERI",
        HLC,
        period(13),
        unit="price",
        lines=(Line("bull", "Bull power", "histogram"), Line("bear", "Bear power", "histogram")),
    ),
)
