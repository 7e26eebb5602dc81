"""What the traded shares say. Bars without a volume (an index) have no values here."""

from starkmatter.domain.indicators.records import Indicator, Input, Line, Parameter, period, whole

HLCV: tuple[Input, ...] = ("high", "low", "close", "volume")
CV: tuple[Input, ...] = ("close", "volume")
V: tuple[Input, ...] = ("volume",)


def _one(
    name: str,
    title: str,
    function: str,
    inputs: tuple[Input, ...],
    *parameters: Parameter,
    unit: str = "shares",
    levels: tuple[float, ...] = (),
) -> Indicator:
    lines = (Line(name, title),)
    return Indicator(name, title, "Volume", function, inputs, parameters, lines, "own", unit, "series", levels)


VOLUME = (
    _one("obv", "On-balance volume", "OBV", CV),
    _one("ad", "Accumulation/distribution", "AD", HLCV),
    _one("adosc", "Chaikin oscillator", "ADOSC", HLCV, whole("fast", 3, "fastperiod"), whole("slow", 10, "slowperiod")),
    _one("cmf", "Chaikin money flow", "CMF", HLCV, period(20), unit="ratio", levels=(0,)),
    _one("mfi", "Money flow index", "MFI", HLCV, period(14), unit="points", levels=(20, 80)),
    _one("efi", "Elder's force index", "EFI", CV, period(13), levels=(0,)),
    _one("nvi", "Negative volume index", "NVI", CV, unit="points"),
    _one("pvi", "Positive volume index", "PVI", CV, unit="points"),
    _one("pvt", "Price volume trend", "PVT", CV),
    _one(
        "pvo",
        "Percentage volume oscillator",
        "PVO",
        V,
        whole("fast", 12, "fastperiod"),
        whole("slow", 26, "slowperiod"),
        unit="percent",
        levels=(0,),
    ),
    _one("rvol", "Relative volume", "RVOL", V, period(20), unit="ratio", levels=(1,)),
    _one("vol_sma", "Average volume", "SMA", V, period(20)),
)
