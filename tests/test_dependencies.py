"""Nothing we install is known to be weak or banned: checked against facts in this checkout, without a network."""

import ast
import tomllib
from datetime import date
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from starkmatter.version import PACKAGE_DIR, ROOT_DIR

FACTS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "advisories.toml").read_text(encoding="utf-8"))
FILES = ("requirements.txt", "requirements-dev.txt")


def pinned(file: str) -> list[tuple[str, Version]]:
    """Every package a lock file names, with its exact version; one may be there twice, for two Pythons."""
    found = []
    for line in (ROOT_DIR / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#", "-")):
            wanted = Requirement(line)
            [one] = wanted.specifier
            assert one.operator == "==", f"{file}: {line} is not pinned"
            found.append((canonicalize_name(wanted.name), Version(one.version)))
    return found


def weaknesses(packages: list[tuple[str, Version]]) -> list[str]:
    """What is known of these versions."""
    return [
        f"{name} {version}: {advisory} ({severity})"
        for name, version in packages
        for advisory, severity, affected in FACTS["packages"].get(name, [])
        if SpecifierSet(affected).contains(version, prereleases=True)
    ]


@pytest.mark.parametrize("file", FILES)
def test_no_pinned_package_is_known_to_be_weak_or_banned(file: str) -> None:
    packages = pinned(file)
    assert len(packages) > 80
    assert weaknesses(packages) == []
    assert [name for name, _ in packages if name in FACTS["banned"]] == []


def test_what_is_installed_here_is_not_weak_or_banned_either() -> None:
    kept = {name for file in FILES for name, _ in pinned(file)}
    here = [(canonicalize_name(one.name), Version(one.version)) for one in distributions() if one.name]
    assert weaknesses([one for one in here if one[0] in kept]) == []
    assert [name for name, _ in here if name in FACTS["banned"]] == []


def test_a_weak_version_would_be_found() -> None:
    weak = [("starlette", Version("0.49.0")), ("python-multipart", Version("0.0.30")), ("h11", Version("0.14.0"))]
    assert {one.split()[0] for one in weaknesses(weak)} == {"starlette", "python-multipart", "h11"}
    assert weaknesses([("starlette", Version("0.49.1")), ("python-multipart", Version("0.0.31"))]) == []


def test_the_facts_can_be_read() -> None:
    for name, known in FACTS["packages"].items():
        assert name == canonicalize_name(name)
        for advisory, severity, affected in known:
            assert advisory.startswith(("CVE-", "GHSA-", "PYSEC-"))
            assert severity in {"low", "moderate", "high", "critical"}
            assert SpecifierSet(affected)
    assert isinstance(FACTS["reviewed_on"], date)


def test_nothing_of_ours_imports_what_is_banned() -> None:
    banned = FACTS["banned_imports"]
    found = []
    for path in sorted(PACKAGE_DIR.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            found += [
                f"{path.name} imports {name}: {banned[name.split('.')[0]]}"
                for name in names
                if name.split(".")[0] in banned
            ]
    assert found == []
