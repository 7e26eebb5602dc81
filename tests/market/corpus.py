"""Answers of vendors, broken in every way that has been seen: good ones, changed by a seed. None of it is plausible.

A case changes one thing of a good answer, so that whatever still comes through must be what was good before.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

HUGE = 9_000_000
FUTURE_SECS = 4_102_444_800  # 2100-01-01
Path = tuple[str | int, ...]


def leaves(body: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no container, and where it is."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield from leaves(value, (*path, name))
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from leaves(value, (*path, index))
    else:
        yield path, body


def containers(body: Any, path: Path = ()) -> Iterator[Path]:
    """Where every object and list is, the outermost left out."""
    children = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in children:
        if isinstance(value, dict | list):
            yield (*path, name)
            yield from containers(value, (*path, name))


def put(body: Any, path: Path, value: Any) -> None:
    for step in path[:-1]:
        body = body[step]
    body[path[-1]] = value


def drop(body: Any, path: Path) -> None:
    for step in path[:-1]:
        body = body[step]
    del body[path[-1]]


# What a figure turns into. `None` for a key that is gone is a case of its own.
VALUES: dict[str, Any] = {
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
    "null": None,
    "negative": -1.5,
    "zero": 0,
    "a billion": 1e9,
    "beyond floats": 10**400,
    "text": "n/a",
    "empty text": "",
    "true": True,
    "list": [1],
    "object": {"raw": 1},
    "future": FUTURE_SECS,
    "future ms": FUTURE_SECS * 1_000,
    "future day": "2100-01-01",
    "other kind": ...,
}


def other_kind(value: Any) -> Any:
    """A number as text, a text as a number."""
    return str(value) if isinstance(value, int | float) else 17


def broken(seed: int, raw: bytes, keep: frozenset[str] = frozenset()) -> tuple[str, bytes]:
    """A name for what was done, and the answer. Fields in `keep` (those without figures) are left as they are."""
    rng = random.Random(seed)
    kind = seed % 10
    if kind == 0:
        return "html", b"<html><body>502 Bad Gateway</body></html>"
    if kind == 1:
        return "truncated", raw[: rng.randrange(1, len(raw) - 1)]
    if kind == 2 and seed % 50 == 2:
        return "huge", raw[:-1] + b" " * HUGE + raw[-1:]
    body = json.loads(raw)
    if kind == 3:
        places = list(containers(body))
        if places:
            path = rng.choice(places)
            value = rng.choice([None, "text", 5, [None], [[]]])
            put(body, path, value)
            return f"{path} is {value!r}", json.dumps(body).encode()
    fields = [(path, value) for path, value in leaves(body) if not keep & {str(step) for step in path}]
    path, value = rng.choice(fields)
    if kind == 4 and isinstance(path[-1], str):
        drop(body, path)
        return f"{path} is gone", json.dumps(body).encode()
    name = rng.choice(list(VALUES))
    put(body, path, other_kind(value) if name == "other kind" else VALUES[name])
    return f"{path} is {name}", json.dumps(body).encode()
