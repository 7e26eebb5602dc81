"""A model's markdown as HTML that is safe to show: no raw HTML, no images, only http(s) links, footnotes checked."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

REF = re.compile(r"\s?\[(\d{1,5})\]")
TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "sup"),
    *("h3", "h4", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}

_parser: "MarkdownIt | None" = None


def safe_html(markdown: str, refs: Iterable[int] = ()) -> str:
    """The text as HTML. `[n]` becomes a link to `#fact-n` where `n` is one of `refs`, and is dropped otherwise."""
    import nh3
    from markdown_it.token import Token

    known = set(refs)
    parser = _markdown()
    tokens = parser.parse(markdown)
    for token in tokens:
        if token.tag in {"h1", "h2", "h5", "h6"}:
            token.tag = "h3" if token.tag < "h3" else "h4"
        if token.children is None:
            continue
        children: list[Token] = []
        for child in token.children:
            children += _with_footnotes(child, known) if child.type == "text" else [child]
        token.children = children
    html = parser.renderer.render(tokens, parser.options, {})
    return nh3.clean(
        html, tags=TAGS, attributes=ATTRIBUTES, url_schemes={"http", "https"}, link_rel="noopener noreferrer"
    )


def cited(markdown: str) -> list[int]:
    """The footnote numbers a text names, each once, in order."""
    return list(dict.fromkeys(int(number) for number in REF.findall(markdown)))


def _with_footnotes(text: "object", known: set[int]) -> list:  # type: ignore[type-arg]
    from markdown_it.token import Token

    parts: list[Token] = []
    at = 0
    content: str = text.content  # type: ignore[attr-defined]
    for found in REF.finditer(content):
        parts.append(Token("text", "", 0, content=content[at : found.start()]))
        if (number := int(found.group(1))) in known:
            mark = f'<sup><a href="#fact-{number}">{number}</a></sup>'
            parts.append(Token("html_inline", "", 0, content=mark))
        at = found.end()
    parts.append(Token("text", "", 0, content=content[at:]))
    return parts


def _markdown() -> "MarkdownIt":
    global _parser
    if _parser is None:
        from markdown_it import MarkdownIt

        _parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
        _parser.validateLink = lambda url: url.startswith(("https://", "http://"))  # type: ignore[method-assign]
    return _parser
