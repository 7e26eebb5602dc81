"""Writes a document as one HTML page: nothing is loaded, nothing runs, every text is escaped; dark, light and paper."""

from html import escape

from starkmatter.portfolio.reporting.charts import column_chart, line_chart, waterfall_chart
from starkmatter.portfolio.reporting.document import (
    Block,
    Cell,
    Chart,
    Column,
    Document,
    Figures,
    Heading,
    Notes,
    Paragraph,
    Table,
)

PAINT = {
    "own": "var(--own)",
    "other": "var(--other)",
    "up": "var(--up)",
    "down": "var(--down)",
    "whole": "var(--whole)",
    "rule": "var(--rule)",
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STYLE = """
:root{color-scheme:light dark;--bg:#fff;--ink:#111827;--soft:#4b5563;--rule:#d9dee6;--own:#1d6fd8;--other:#b45309;
--up:#0b7a53;--down:#b42318;--whole:#64748b;--note:#f3f5f8}
@media (prefers-color-scheme:dark){:root{--bg:#0b0e13;--ink:#e7ecf3;--soft:#9aa6b6;--rule:#283140;--own:#5aa2ff;
--other:#e0a94a;--up:#3ecf9a;--down:#ff7a6b;--whole:#7c8aa0;--note:#141a23}}
@media print{:root{color-scheme:light;--bg:#fff;--ink:#000;--soft:#444;--rule:#bbb;--own:#1d6fd8;--other:#b45309;
--up:#0b7a53;--down:#b42318;--whole:#64748b;--note:#f3f5f8}main{max-width:none!important;padding:0!important}
.paperless{display:none}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);
font:14px/1.5 Inter,"Noto Sans",system-ui,-apple-system,"Segoe UI",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:60rem;margin:0 auto;padding:2rem 1rem 3rem}
a{color:var(--own)}h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem}
h2{font-size:1.25rem;margin:2.4rem 0 .3rem;padding-top:1rem;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:1.8rem 0 .5rem}h1,h2,h3,p,dt,dd,li{overflow-wrap:anywhere}td,th{overflow-wrap:break-word}
p{margin:.4rem 0}.muted,caption,dt,footer{color:var(--soft)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.8rem 1.2rem;margin:.6rem 0 1rem}
dt{font-size:.86rem}dd{margin:0;font-size:1.15rem;font-weight:600}.up{color:var(--up)}.down{color:var(--down)}
.scroll{overflow-x:auto;margin:.7rem 0 1.1rem}table{border-collapse:collapse;width:100%}
caption{text-align:left;font-size:.86rem;padding:0 0 .3rem}th{text-align:left;font-weight:600;font-size:.86rem}
th,td{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
th:last-child,td:last-child{padding-right:0}.num{text-align:right;white-space:nowrap}
tfoot td{font-weight:600;border-bottom:0;border-top:2px solid var(--rule)}td.date{white-space:nowrap}
aside{background:var(--note);border-radius:8px;padding:.6rem .9rem;margin:.8rem 0}
aside ul{margin:.2rem 0;padding-left:1.1rem}
figure{margin:.8rem 0 1.2rem}figure svg{width:100%;height:11rem;display:block}
.under,.keys{display:flex;justify-content:space-between;gap:.2rem 1rem;flex-wrap:wrap;color:var(--soft);
font-size:.86rem}
.keys{justify-content:flex-start}
.key{display:inline-block;width:.9rem;height:.2rem;margin:0 .35rem .25rem 0}.key.own{background:var(--own)}
.key.other{background:var(--other)}.bar{display:block;height:.5rem;margin-top:.45rem;border-radius:2px;
background:var(--own)}td.bars{width:22%;min-width:3.5rem}footer{margin-top:2.4rem;font-size:.86rem}
tr,figure,aside,dl{break-inside:avoid}h2,h3{break-after:avoid}thead{display:table-header-group}
"""


def html_of(one: Document, *, pdf_at: str = "") -> str:
    """The page as text; `pdf_at` is the address of the same report as PDF, if there is one to be offered."""
    offer = f'<p class="paperless"><a href="{escape(pdf_at, quote=True)}">Save as PDF</a></p>' if pdf_at else ""
    body = "".join(_block(block) for block in one.blocks)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow, noarchive"><meta name="referrer" content="no-referrer">'
        f"<title>{escape(one.title)}</title><style>{STYLE}</style></head><body><main>"
        f'<h1>{escape(one.title)}</h1><p class="muted">{escape(one.lead)}</p>{offer}{body}'
        f"<footer>{escape(one.foot)}</footer></main></body></html>"
    )


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text, tone):
            return f'<p class="{tone}">{escape(text)}</p>' if tone else f"<p>{escape(text)}</p>"
        case Notes(title, lines):
            items = "".join(f"<li>{escape(line)}</li>" for line in lines)
            return f"<aside><b>{escape(title)}</b><ul>{items}</ul></aside>"
        case Figures(figures):
            pairs = "".join(
                f'<div><dt>{escape(one.name)}</dt><dd class="{one.tone}">{escape(one.text)}</dd></div>'
                for one in figures
            )
            return f"<dl>{pairs}</dl>"
        case Table():
            return _table(block)
        case Chart():
            return _chart(block)


def _table(one: Table) -> str:
    head = "".join(
        f'<th scope="col"{_num(column)}>{escape(column.name)}</th>' if column.name else "<td></td>"
        for column in one.head
    )
    rows = "".join(f"<tr>{_cells(row, one.head)}</tr>" for row in one.rows)
    foot = f"<tfoot><tr>{_cells(one.foot, one.head)}</tr></tfoot>" if one.foot else ""
    label = escape(one.label, quote=True)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table><caption>{label}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>{foot}</table></div>"
    )


def _cells(row: list[Cell], head: list[Column]) -> str:
    return "".join(_cell(cell, column) for cell, column in zip(row, head, strict=True))


def _cell(cell: Cell, column: Column) -> str:
    if cell.bar is not None:
        return f'<td class="bars"><span class="bar" style="width:{float(cell.bar) * 100:.1f}%"></span></td>'
    classes = " ".join(name for name in ("num" if column.num else "", cell.tone) if name)
    return f'<td class="{classes}">{escape(cell.text)}</td>' if classes else f"<td>{escape(cell.text)}</td>"


def _num(column: Column) -> str:
    return ' class="num"' if column.num else ""


def _chart(one: Chart) -> str:
    keys = "".join(f'<span><i class="key {role}"></i>{escape(name)}</span>' for role, name in one.legend)
    label = escape(one.label, quote=True)
    picture = svg_of(one, PAINT).replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    under = f"<span>{escape(one.under[0])}</span><span>{escape(one.under[1])}</span>"
    legend = f'<figcaption class="keys">{keys}</figcaption>' if keys else ""
    return f'<figure>{picture}<div class="under">{under}</div>{legend}</figure>'


def svg_of(one: Chart, paint: dict[str, str]) -> str:
    """The picture of a chart in these colors."""
    if one.kind == "lines":
        return line_chart(one.lines, paint)
    if one.kind == "columns":
        return column_chart([value for value in one.lines["months"] if value is not None], paint)
    whole = {name: [value for value in values if value is not None] for name, values in one.lines.items()}
    flows = [bool(flow) for flow in whole["flows"]]
    return waterfall_chart(whole["start"][0], whole["steps"], whole["end"][0], flows, paint)
