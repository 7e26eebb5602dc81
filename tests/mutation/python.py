"""Small changes to a module, one at a time, made on its syntax tree; also to the SQL that it keeps as texts."""

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.mutation import sql

COMPARED: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
CALCULATED: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
EXTREMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
SQL = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b|.*\b(?:FROM|WHERE)\b", re.DOTALL)
Change = Callable[[ast.AST], ast.AST | None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed source: where, and what became what."""

    line: int
    what: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of the module, in the order of its lines."""
    tree = ast.parse(source)
    # `frozen` and `slots` keep other code from being written; they change nothing that this one does.
    quiet = {
        id(part) for node in ast.walk(tree) for said in getattr(node, "decorator_list", ()) for part in ast.walk(said)
    }
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in quiet:
            continue
        for change in _changes(node):
            changed = copy.deepcopy(tree)
            found = _nth(changed, place)
            before = ast.unparse(found)
            after = change(found)
            if after is not found:
                changed = _Swap(found, after).visit(changed)
            told = "nothing" if after is None else ast.unparse(after)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                before, told = _where_they_differ(before, told)
            yield Mutant(node.lineno, f"{before}  ->  {told}", ast.unparse(ast.fix_missing_locations(changed)))


def _where_they_differ(before: str, after: str) -> tuple[str, str]:
    """Of two long texts the part that is not the same, with a few words around it."""
    start = next((at for at, (one, two) in enumerate(zip(before, after, strict=False)) if one != two), 0)
    return before[max(start - 30, 0) : start + 40], after[max(start - 30, 0) : start + 40]


def _nth(tree: ast.AST, place: int) -> ast.AST:
    return next(node for number, node in enumerate(ast.walk(tree)) if number == place)


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST | None) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.old:
            return self.new or ast.Pass()
        return self.generic_visit(node)


def _set(name: str, value: object) -> Change:
    def change(node: ast.AST) -> ast.AST:
        setattr(node, name, value)
        return node

    return change


def _without(name: str, number: int) -> Change:
    def change(node: ast.AST) -> ast.AST:
        del getattr(node, name)[number]
        return getattr(node, name)[0] if isinstance(node, ast.BoolOp) and len(node.values) == 1 else node

    return change


def _opposite(name: str) -> Change:
    def change(node: ast.AST) -> ast.AST:
        setattr(node, name, ast.UnaryOp(ast.Not(), getattr(node, name)))
        return node

    return change


def _changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=[only]):
            yield from (_set("ops", [other()]) for other in COMPARED[type(only)])
        case ast.Compare(ops=several):
            for number, one in enumerate(several):
                for other in COMPARED[type(one)]:
                    yield _set("ops", [*several[:number], other(), *several[number + 1 :]])
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in CALCULATED:
            yield _set("op", CALCULATED[type(op)]())
        case ast.BoolOp(op=op, values=values):
            yield _set("op", ast.Or() if isinstance(op, ast.And) else ast.And())
            yield from (_without("values", number) for number in range(len(values)))
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield lambda found: found.operand
        case ast.Constant(value=str() as text) if SQL.match(text):
            yield from (_set("value", other) for other in sql.changed_texts(text))
        case ast.Constant(value=bool() as value):
            yield _set("value", not value)
        case ast.Constant(value=int() as value):
            yield _set("value", value + 1)
        case ast.Set(elts=elts) if len(elts) > 1:
            yield from (_without("elts", number) for number in range(len(elts)))
        case ast.If() | ast.IfExp() | ast.While():
            if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
                yield _opposite("test")
        case ast.comprehension(ifs=[_, *_]):
            yield from ()  # has no line of its own; its comparisons are changed instead
        case ast.Call(func=ast.Name(id=name)) if name in EXTREMES:
            yield _set("func", ast.Name(EXTREMES[name], ast.Load()))
        case ast.Expr(value=ast.Call()) | ast.Delete() | ast.Raise() | ast.Break() | ast.Continue():
            yield lambda _: None
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield _set("value", ast.Constant(None))
        case _:
            yield from ()


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
