"""What each figure of risk means and where its definition comes from, for the page."""

RISK_WORDS: dict[str, tuple[str, str, str]] = {
    "volatility": (
        "Volatility",
        "How far a year's return usually lies from its mean: the deviation of the days, times the root of 252.",
        "sample deviation, n − 1",
    ),
    "downside_deviation": (
        "Downside deviation",
        "The same of days below the risk-free rate alone: rising fast is no risk.",
        "Sortino and van der Meer, 1991",
    ),
    "max_drawdown": (
        "Deepest drawdown",
        "The largest fall below a former high.",
        "of daily values, deposits left out",
    ),
    "sharpe": (
        "Sharpe ratio",
        "What a year brought above the risk-free rate for each point of volatility. Above 1 is good, and rarely lasts.",
        "Sharpe, 1994",
    ),
    "sortino": (
        "Sortino ratio",
        "The same for each point of downside deviation.",
        "Sortino and van der Meer, 1991",
    ),
    "calmar": (
        "Calmar ratio",
        "The yearly return for each point of the deepest drawdown.",
        "Young, 1991, over the whole period",
    ),
    "value_at_risk": (
        "Value at risk, a day",
        "One day in twenty was worse than this.",
        "5 % quantile of the days there were",
    ),
    "expected_shortfall": (
        "Expected shortfall, a day",
        "What the worst days, one in twenty, brought on average (CVaR).",
        "Rockafellar and Uryasev, 2000",
    ),
    "parametric_value_at_risk": (
        "Value at risk, if normal",
        "The same if days followed a bell curve. Markets have more bad days than that.",
        "RiskMetrics",
    ),
    "parametric_shortfall": (
        "Shortfall, if normal",
        "The mean beyond that point of the bell curve.",
        "of the normal distribution",
    ),
    "beta": (
        "Beta",
        "By how much the account moves when the benchmark moves by one.",
        "Sharpe, 1964",
    ),
    "alpha": (
        "Alpha, a year",
        "What a year brought beyond what beta explains.",
        "Jensen, 1968",
    ),
    "correlation": (
        "Correlation",
        "How closely both move together: 1 always, 0 not at all, −1 the other way.",
        "Pearson",
    ),
    "tracking_error": (
        "Tracking error",
        "The volatility of the difference to the benchmark.",
        "sample deviation, n − 1",
    ),
}
PERCENTS = {
    "volatility", "downside_deviation", "max_drawdown", "value_at_risk", "expected_shortfall",
    "parametric_value_at_risk", "parametric_shortfall", "alpha", "tracking_error",
}  # fmt: skip
