"""The page about providers is what the adapters say of themselves, and every adapter is on it."""

import ast

from starkmatter.connections.catalog import BY_KIND, CATALOG
from starkmatter.connections.providers import CAPABILITIES, PORTS, providers_page
from starkmatter.version import PACKAGE_DIR, ROOT_DIR

ADAPTERS = ("market/providers", "trading/brokers", "news/sources", "assistant/models", "alerts/notifiers")


def test_the_page_is_up_to_date() -> None:
    written = (ROOT_DIR / "docs" / "providers.md").read_text(encoding="utf-8")
    assert written == providers_page(), "run make docs"


def test_every_adapter_that_describes_itself_is_on_the_page() -> None:
    described = set()
    for folder in ADAPTERS:
        for path in (PACKAGE_DIR / folder).glob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                names = [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
                if "CAPABILITY" in names:
                    described.add(path)
    assert len(described) == len(CAPABILITIES)


def test_each_record_names_a_port_and_a_connection_that_exist() -> None:
    assert len({(one.port, one.adapter) for one in CAPABILITIES}) == len(CAPABILITIES)
    for one in CAPABILITIES:
        assert one.port in PORTS
        assert one.connection is None or one.connection in BY_KIND
        assert one.gives
        assert one.notes.endswith(".")


def test_every_connection_belongs_to_an_adapter() -> None:
    assert {one.kind for one in CATALOG} == {one.connection for one in CAPABILITIES if one.connection}
