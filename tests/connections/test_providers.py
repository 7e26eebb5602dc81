"""The page about providers is what the adapters say of themselves, and every adapter is on it."""

import ast

from starkmatter.accounts.oidc.providers import PRESETS
from starkmatter.alerts.service import NOTIFIER
from starkmatter.assistant.service import KIND as MODEL
from starkmatter.connections.catalog import BY_KIND, CATALOG
from starkmatter.connections.providers import CAPABILITIES, PORTS, providers_page
from starkmatter.news.sources.catalog import KEYED
from starkmatter.trading.brokers.catalog import OPENERS, TITLES
from starkmatter.version import PACKAGE_DIR, ROOT_DIR
from tests.standins.all import NAMES, STREAMS

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
    # The four providers of sign-in differ in their fields only and share one module.
    assert len(described) == len([one for one in CAPABILITIES if one.port != "sign-in"])


def test_each_record_names_a_port_and_a_connection_that_exist() -> None:
    assert len({(one.port, one.adapter) for one in CAPABILITIES}) == len(CAPABILITIES)
    for one in CAPABILITIES:
        assert one.port in PORTS
        assert one.connection is None or one.connection in BY_KIND
        assert one.gives
        assert one.notes.endswith(".")


def test_what_is_on_the_page_is_in_use() -> None:
    """A key that can be entered is read by somebody."""
    keyed = {port: {one.adapter for one in CAPABILITIES if one.port == port and one.connection} for port in PORTS}
    assert keyed["news"] == set(KEYED)
    assert keyed["broker"] == set(OPENERS) == set(TITLES)
    assert keyed["model"] == {MODEL}
    assert keyed["mail"] == {NOTIFIER.capability.adapter}


def test_the_tests_know_a_dead_port_for_every_vendor() -> None:
    """A vendor without one would be asked for real by the tests."""
    named = {one.slug for one in PRESETS if one.issuer != "{issuer}"}
    for folder in (*ADAPTERS, "accounts/oidc"):
        for path in (PACKAGE_DIR / folder).glob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            constants = {
                target.id: node.value.value
                for node in tree.body
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("vendor_urls.get"):
                    name = node.args[0]
                    if ast.unparse(name) != "provider.slug":  # one of the presets
                        named.add(constants[name.id] if isinstance(name, ast.Name) else ast.literal_eval(name))
    assert named == {*NAMES, *STREAMS}


def test_every_connection_belongs_to_an_adapter() -> None:
    assert {one.kind for one in CATALOG} == {one.connection for one in CAPABILITIES if one.connection}
