"""Stored messages two ways: as the model gets them again, and as a person reads them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from starkmatter.assistant.ports import Block
from starkmatter.assistant.records import Exchange, Footnote, MessageRow, ToolUse
from starkmatter.assistant.render import cited, safe_html
from starkmatter.assistant.tools.registry import READING
from starkmatter.domain.money import ZERO

PROPOSE = "propose_order"
TITLES = {tool.name: tool.title for tool in READING} | {PROPOSE: "Order proposal"}
OUTSIDE = {tool.name for tool in READING if tool.outside_text}
THOUGHTS = {"thinking", "redacted_thinking"}
WORDS_SHOWN = 6


def messages_for(rows: Sequence[MessageRow], setup: str) -> list[Block]:
    """The conversation for the model, append-only from call to call.

    Thoughts are sent only under the setup they came from; a call whose results were never stored and a refused
    question are left out, since the vendor takes neither.
    """
    kept: list[Block] = []
    for number, row in enumerate(rows):
        if row.role == "assistant" and row.stop_reason == "refusal":
            while kept and kept[-1]["role"] == "assistant":
                kept.pop()
            if kept:
                kept.pop()
            continue
        if not row.content:
            continue
        following = rows[number + 1] if number + 1 < len(rows) else None
        if row.role == "assistant" and not _answered(row, following):
            continue
        content = [block for block in row.content if block["type"] not in THOUGHTS or row.setup == setup]
        if content:
            kept.append({"role": "assistant" if row.role == "assistant" else "user", "content": content})
    return kept


def last_ref(rows: Iterable[MessageRow]) -> int:
    """The highest footnote number given so far."""
    return max((number for row in rows for number in refs_of(row)), default=0)


def refs_of(row: MessageRow) -> Iterator[int]:
    """The footnote numbers a row of tool results has given."""
    if row.role == "tools":
        for block in row.content:
            yield from (ref_of(fact) for fact in _facts_of(block))


def ref_of(fact: dict[str, Any]) -> int:
    """The number of `{"ref": "[7]"}`."""
    return int(str(fact["ref"]).strip("[]"))


def exchanges_of(rows: Sequence[MessageRow]) -> list[Exchange]:
    """Each question with everything that came of it."""
    found: list[Exchange] = []
    known: dict[int, Footnote] = {}
    for question, answer in _grouped(rows):
        uses = _tool_uses(answer)
        for use in uses:
            for fact in use.facts:
                number = ref_of(fact)
                known[number] = Footnote(number, use.id, _words(use, fact))
        said = "\n\n".join(row.said for row in answer if row.role == "assistant" and row.said.strip())
        named = cited(said)
        costs = [row.cost_usd for row in answer if row.cost_usd is not None]
        found.append(
            Exchange(
                id=question.id,
                question=question.said,
                asked_at=question.created_at,
                html=safe_html(said, known),
                problem=next((row.problem for row in reversed(answer) if row.problem), ""),
                tools=uses,
                footnotes=[known[number] for number in named if number in known],
                dropped=sum(number not in known for number in named),
                model=next((row.model for row in reversed(answer) if row.model), None),
                cost_usd=sum(costs, ZERO) if costs else None,
                saved_usd=sum((row.saved_usd or Decimal(0) for row in answer), ZERO) if costs else None,
                answered_at=answer[-1].created_at if answer else None,
            )
        )
    return found


def _grouped(rows: Sequence[MessageRow]) -> list[tuple[MessageRow, list[MessageRow]]]:
    groups: list[tuple[MessageRow, list[MessageRow]]] = []
    for row in rows:
        if row.role == "user":
            groups.append((row, []))
        elif groups:
            groups[-1][1].append(row)
    return groups


def _tool_uses(answer: Sequence[MessageRow]) -> list[ToolUse]:
    results = {block["tool_use_id"]: block for row in answer if row.role == "tools" for block in row.content}
    uses = []
    for row in answer:
        for block in row.content if row.role == "assistant" else ():
            if block["type"] != "tool_use" or block["id"] not in results:
                continue
            result = results[block["id"]]
            name = str(block["name"])
            failed = bool(result.get("is_error"))
            uses.append(
                ToolUse(
                    id=str(block["id"]),
                    name=name,
                    title=TITLES.get(name, name[:60]),
                    args=block["input"] if isinstance(block["input"], dict) else {},
                    facts=[] if failed else list(_facts_of(result)),
                    problem=_text_of(result)[:300] if failed else "",
                    outside_text=len(result["content"]) > 1,
                )
            )
    return uses


def _facts_of(result: Block) -> list[dict[str, Any]]:
    """The facts in a result that is not an error."""
    if result.get("is_error"):
        return []
    return list(json.loads(_text_of(result))["facts"])


def _text_of(result: Block) -> str:
    return str(result["content"][-1]["text"])


def _words(use: ToolUse, fact: dict[str, Any]) -> str:
    """The first plain fields of a fact."""
    plain = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in fact.items()
        if name != "ref" and not name.endswith("id") and isinstance(value, str | int | bool)
    ]
    return f"{use.title}: {', '.join(plain[:WORDS_SHOWN])}"[:300]


def _answered(row: MessageRow, following: MessageRow | None) -> bool:
    asked = {block["id"] for block in row.content if block["type"] == "tool_use"}
    if not asked:
        return True
    given = {block["tool_use_id"] for block in following.content} if following and following.role == "tools" else set()
    return asked == given
