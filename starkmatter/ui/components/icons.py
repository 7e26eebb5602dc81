"""Line icons on a 24-unit grid, drawn inline so that nothing is fetched."""

import itertools

import reflex as rx

PATHS: dict[str, str] = {
    "dashboard": "M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z",
    "markets": "M3 17l6-6 4 4 8-9M15 6h6v6M3 21h18",
    "trade": "M5 4v16M5 8h3v7H5M12 2v20M10.5 6h3v9h-3zM19 5v14M17.5 9h3v6h-3z",
    "portfolio": "M12 3a9 9 0 1 0 9 9h-9zM15 3.5A9 9 0 0 1 20.5 9H15z",
    "orders": "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
    "settings": "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 2v3M12 19v3M4.2 4.2l2.1 2.1M17.7 17.7l2.1 2.1M2 12h3M19 12h3"
    "M4.2 19.8l2.1-2.1M17.7 6.3l2.1-2.1",
    "admin": "M12 3l8 3v6c0 4.5-3.4 7.8-8 9-4.6-1.2-8-4.5-8-9V6zM9 12l2 2 4-4",
    "news": "M4 5h13v14H6a2 2 0 0 1-2-2zM17 9h3v8a2 2 0 0 1-3 2M7 9h7M7 12h7M7 15h4",
    "assistant": "M12 3l1.8 5.2L19 10l-5.2 1.8L12 17l-1.8-5.2L5 10l5.2-1.8zM18.5 15l.9 2.1 2.1.9-2.1.9-.9 2.1-.9-2.1"
    "-2.1-.9 2.1-.9z",
    "alerts": "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 20.5h4",
    "more": "M5 11.3a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4zM12 11.3a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4z"
    "M19 11.3a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.4z",
    "search": "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
    "rail": "M4 5h16v14H4zM9 5v14",
    "out": "M9 4H5v16h4M15 8l4 4-4 4M19 12H9",
    "grip": "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
    "close": "M6 6l12 12M18 6L6 18",
    "check": "M5 12l5 5L19 7",
    "down": "M6 9l6 6 6-6",
}


def icon(name: str) -> rx.Component:
    """One icon in the color of its text."""
    return rx.el.svg(
        rx.el.path(d=PATHS[name]),
        class_name="icon",
        custom_attrs={"viewBox": "0 0 24 24", "aria-hidden": "true"},
    )


def logo() -> rx.Component:
    """The mark: three bars that rise, the last one lit."""
    return rx.el.svg(
        rx.el.rect(x="2", y="13", width="5", height="9", rx="1.5", fill="var(--text-3)"),
        rx.el.rect(x="9.5", y="8", width="5", height="14", rx="1.5", fill="var(--text-2)"),
        rx.el.rect(x="17", y="2", width="5", height="20", rx="1.5", fill="var(--accent)"),
        custom_attrs={"viewBox": "0 0 24 24", "aria-hidden": "true"},
    )


def candles() -> rx.Component:
    """A quiet price chart as a backdrop: one long climb, drawn from fixed figures."""
    walk = (60, 64, 58, 66, 72, 69, 78, 74, 82, 90, 86, 95, 91, 88, 97, 106, 102, 112, 108, 118, 125, 120, 131, 138)
    bars = []
    for number, (before, after) in enumerate(itertools.pairwise(walk)):
        x, top, bottom = number * 26 + 12, 160 - max(before, after), 160 - min(before, after)
        color = "var(--teal)" if after >= before else "var(--orange)"
        bars += [
            rx.el.line(
                x1=str(x + 5),
                x2=str(x + 5),
                y1=str(top - 5 - number % 4),
                y2=str(bottom + 4 + number % 3),
                stroke=color,
            ),
            rx.el.rect(x=str(x), y=str(top), width="10", height=str(bottom - top), fill=color, rx="1"),
        ]
    return rx.el.svg(
        *bars,
        class_name="art",
        custom_attrs={"viewBox": "0 0 620 170", "preserveAspectRatio": "none", "aria-hidden": "true"},
    )
