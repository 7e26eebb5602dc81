"""Moving averages and other lines on the price, and bands around it."""

from starkmatter.domain.indicators.records import Indicator, Input, Line, Memory, Parameter, period, real, whole

CLOSE: tuple[Input, ...] = ("close",)
HL: tuple[Input, ...] = ("high", "low")
HLC: tuple[Input, ...] = ("high", "low", "close")
BAND = (Line("upper", "Upper"), Line("middle", "Middle"), Line("lower", "Lower"))


def _average(
    name: str,
    title: str,
    function: str,
    *parameters: Parameter,
    inputs: tuple[Input, ...] = CLOSE,
    memory: Memory = "series",
) -> Indicator:
    lines = (Line(name, title),)
    return Indicator(name, title, "Averages", function, inputs, parameters, lines, "price", "price", memory)


def _band(
    name: str, title: str, function: str, *parameters: Parameter, inputs: tuple[Input, ...], memory: Memory = "series"
) -> Indicator:
    return Indicator(name, title, "Bands", function, inputs, parameters, BAND, "price", "price", memory)


def _price(name: str, title: str, function: str, inputs: tuple[Input, ...], *parameters: Parameter) -> Indicator:
    lines = (Line(name, title),)
    return Indicator(name, title, "Price", function, inputs, parameters, lines, "price", "price", "window")


AVERAGES = (
    _average("sma", "Simple moving average", "SMA", period(20)),
    _average("ema", "Exponential moving average", "EMA", period(20)),
    _average("wma", "Weighted moving average", "WMA", period(20)),
    _average("rma", "Wilder's moving average", "RMA", period(14)),
    _average("hma", "Hull moving average", "HMA", period(20)),
    _average("dema", "Double exponential moving average", "DEMA", period(20)),
    _average("tema", "Triple exponential moving average", "TEMA", period(20)),
    _average("trima", "Triangular moving average", "TRIMA", period(20)),
    _average("kama", "Kaufman's adaptive moving average", "KAMA", period(30)),
    _average("zlema", "Zero-lag exponential moving average", "ZLEMA", period(20)),
    _average("vwma", "Volume-weighted moving average", "VWMA", period(20), inputs=("close", "volume")),
    _average("t3", "T3 moving average", "T3", period(5), real("factor", 0.7, "vfactor", least=0, most=1)),
    _average("vwap", "Session VWAP", "session_vwap", inputs=("high", "low", "close", "volume", "session")),
    _average("ht_trendline", "Hilbert trend line", "HT_TRENDLINE"),
    _average("linreg", "Linear regression line", "LINEARREG", period(14)),
    _average("tsf", "Time series forecast", "TSF", period(14)),
    Indicator(
        "mama",
        "MESA adaptive moving average",
        "Averages",
        "MAMA",
        CLOSE,
        (
            real("fast_limit", 0.5, "fastlimit", least=0.01, most=0.99),
            real("slow_limit", 0.05, "slowlimit", least=0.01, most=0.99),
        ),
        (Line("mama", "MAMA"), Line("fama", "FAMA")),
        "price",
        "price",
        "series",
    ),
    Indicator(
        "sar",
        "Parabolic SAR",
        "Averages",
        "SAR",
        HL,
        (
            real("step", 0.02, "acceleration", least=0.001, most=1),
            real("maximum", 0.2, "maximum", least=0.001, most=1),
        ),
        (Line("sar", "SAR", "dots"),),
        "price",
        "price",
        "series",
    ),
    Indicator(
        "supertrend",
        "Supertrend",
        "Averages",
        "supertrend",
        HLC,
        (period(10), real("multiplier", 3.0, "multiplier", least=0.1, most=20)),
        (Line("up", "Rising"), Line("down", "Falling")),
        "price",
        "price",
        "series",
    ),
    Indicator(
        "ichimoku",
        "Ichimoku cloud",
        "Averages",
        "ichimoku",
        HL,
        (whole("conversion", 9, "conversion"), whole("base", 26, "base"), whole("span", 52, "span")),
        (Line("conversion", "Conversion"), Line("base", "Base"), Line("span_a", "Span A"), Line("span_b", "Span B")),
        "price",
        "price",
        "series",
    ),
)

BANDS = (
    _band(
        "bbands",
        "Bollinger bands",
        "BBANDS",
        period(20),
        real("width", 2.0, "nbdevup", "nbdevdn", least=0.1, most=10),
        inputs=CLOSE,
    ),
    _band(
        "keltner",
        "Keltner channels",
        "KC",
        period(20),
        whole("atr_period", 10, "atrperiod"),
        real("width", 2.0, "nbdev", least=0.1, most=10),
        inputs=HLC,
    ),
    _band("donchian", "Donchian channels", "DONCHIAN", period(20), inputs=HL, memory="window"),
    _band("accbands", "Acceleration bands", "ACCBANDS", period(20), inputs=HLC),
)

PRICES = (
    _price("midpoint", "Midpoint of closes", "MIDPOINT", CLOSE, period(14)),
    _price("midprice", "Midpoint of highs and lows", "MIDPRICE", HL, period(14)),
    _price("avgprice", "Average price", "AVGPRICE", ("open", "high", "low", "close")),
    _price("medprice", "Median price", "MEDPRICE", HL),
    _price("typprice", "Typical price", "TYPPRICE", HLC),
    _price("wclprice", "Weighted close", "WCLPRICE", HLC),
    _price("highest", "Highest close", "MAX", CLOSE, period(20)),
    _price("lowest", "Lowest close", "MIN", CLOSE, period(20)),
)
