"""What is remembered of a schema is believed only when file, code and database agree."""

from pathlib import Path

import pytest

from starkmatter.ops.schema import SchemaMemo


def test_a_schema_is_current_only_where_this_code_left_it(database_url: str, tmp_path: Path) -> None:
    memo = SchemaMemo(tmp_path / "schema")
    assert not memo.is_current(database_url)
    memo.remember(database_url)
    assert memo.is_current(database_url)
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "0001_other.py").write_text("revision = '0001_other'")
    assert not SchemaMemo(tmp_path / "schema", tmp_path / "versions").is_current(database_url)
    assert not memo.is_current("postgresql://nobody:x@127.0.0.1:1/none")


@pytest.mark.parametrize("kept", [b"", b"\xff\xfe", b"0" * 64, b"0" * 64 + b" 0001_core", b" "])
def test_a_spoiled_memo_is_no_memo(database_url: str, tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "schema").write_bytes(kept)
    assert not SchemaMemo(tmp_path / "schema").is_current(database_url)
