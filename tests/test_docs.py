"""What the documents say of the tests is true."""

import re
from pathlib import Path

from starkmatter.version import ROOT_DIR

NAMED = re.compile(r"`([a-z]\w+)`")


def test_every_test_that_the_table_of_threats_names_exists() -> None:
    table = (ROOT_DIR / "docs" / "security.md").read_text(encoding="utf-8").split("## Open")[0]
    named = {name for line in table.splitlines() if line.startswith("|") for name in NAMED.findall(line)}
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    written = set(re.findall(r"def test_(\w+)\(", sources))
    assert len(named) > 30
    assert named - written == set()
