"""Unsafe settings are refused by the variable's name; secrets are generated, private and kept."""

import os
import stat
from pathlib import Path

import pytest

from starkmatter.errors import ConfigError
from starkmatter.settings import home_secret, load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("STARKMATTER_", "DATABASE_URL", "REDIS_URL")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


REFUSED = [
    ({"STARKMATTER_PORT": "0"}, "STARKMATTER_PORT"),
    ({"STARKMATTER_PORT": "http"}, "STARKMATTER_PORT"),
    ({"STARKMATTER_HOST": "0.0.0.0"}, "STARKMATTER_PUBLIC_URL"),
    ({"STARKMATTER_HOST": "::"}, "STARKMATTER_PUBLIC_URL"),
    ({"STARKMATTER_PUBLIC_URL": "trade.example.org"}, "STARKMATTER_PUBLIC_URL"),
    ({"STARKMATTER_PUBLIC_URL": "https://trade.example.org/app"}, "STARKMATTER_PUBLIC_URL"),
    ({"STARKMATTER_ALLOWED_ORIGINS": "*"}, "STARKMATTER_ALLOWED_ORIGINS"),
    ({"STARKMATTER_ALLOWED_ORIGINS": "https://*.example.org"}, "STARKMATTER_ALLOWED_ORIGINS"),
    (
        {"STARKMATTER_DEBUG": "1", "STARKMATTER_HOST": "10.0.0.1", "STARKMATTER_PUBLIC_URL": "https://x.org"},
        "STARKMATTER_DEBUG",
    ),
    ({"STARKMATTER_METRICS_TOKEN": "changeme"}, "STARKMATTER_METRICS_TOKEN"),
    ({"STARKMATTER_METRICS_TOKEN": "tooshort"}, "STARKMATTER_METRICS_TOKEN"),
    ({"STARKMATTER_METRICS_TOKEN": "secret"}, "STARKMATTER_METRICS_TOKEN"),
    ({"DATABASE_URL": "sqlite:///trade.db"}, "DATABASE_URL"),
    ({"DATABASE_URL": "mysql://a:b@db/x"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgresql://a:b@db/x"}, "DATABASE_URL leaves this machine"),
    ({"DATABASE_URL": "postgresql://a:b@db/x?sslmode=prefer"}, "DATABASE_URL leaves this machine"),
    ({"REDIS_URL": "redis://:long-enough@cache:6379/0"}, "REDIS_URL leaves this machine"),
    ({"STARKMATTER_PUBLIC_URL": "http://nas.home.arpa:3000"}, "in the clear to http://nas.home.arpa:3000"),
    ({"STARKMATTER_ALLOWED_ORIGINS": "http://nas.home.arpa"}, "in the clear to http://nas.home.arpa"),
    ({"REDIS_URL": "http://cache:6379"}, "REDIS_URL"),
    ({"REDIS_URL": "redis://cache.example.org:6379/0"}, "REDIS_URL"),
    ({"STARKMATTER_TRUSTED_PROXY_HOPS": "-1"}, "STARKMATTER_TRUSTED_PROXY_HOPS"),
    ({"STARKMATTER_REPLAY_SPEED": "61"}, "STARKMATTER_REPLAY_SPEED"),
    ({"STARKMATTER_LOG_FORMAT": "xml"}, "STARKMATTER_LOG_FORMAT"),
    ({"STARKMATTER_STATE_MANAGER": "disk"}, "STARKMATTER_STATE_MANAGER"),
    *(
        ({"STARKMATTER_LOOK_AFTER_SECS": value}, "STARKMATTER_LOOK_AFTER_SECS is four times in seconds")
        for value in (
            "",
            "soon",
            "30",
            "[0.5, 2, 8, 30]",
            "0.5,2,8",
            "0.5,2,8,30,60",
            "0.4,2,8,30",
            "0.5,8,2,30",
            "0.5,2,2,30",
            "0.5,2,4,7.9",
            "0.5,2,8,120.1",
            "0.5,nan,8,30",
            "0.5,2,8,inf",
        )
    ),
]


@pytest.mark.parametrize(("environment", "named"), REFUSED)
def test_unsafe_or_senseless_setting_is_refused_by_name(
    environment: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        load_settings()
    assert named in refused.value.text
    assert "\n" not in refused.value.text


def test_defaults_bind_loopback_and_need_nothing() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.debug) == ("127.0.0.1", 3000, False)
    assert settings.database_url is None
    assert "http://localhost:3000" in settings.origins


@pytest.mark.parametrize(
    ("text", "secs"),
    [
        (None, (0.5, 2.0, 8.0, 30.0)),  # SAFETY A.3
        ("0.5,2,4,8", (0.5, 2.0, 4.0, 8.0)),
        (" 1, 2.5, 30, 120", (1.0, 2.5, 30.0, 120.0)),
    ],
)
def test_four_looks_for_an_order_in_doubt(
    text: str | None, secs: tuple[float, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "looks").write_text(text)
        monkeypatch.setenv("STARKMATTER_LOOK_AFTER_SECS_FILE", str(tmp_path / "looks"))
        assert load_settings().look_after_secs == secs
        monkeypatch.delenv("STARKMATTER_LOOK_AFTER_SECS_FILE")
        monkeypatch.setenv("STARKMATTER_LOOK_AFTER_SECS", text)
    assert load_settings().look_after_secs == secs


def test_value_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://a:b@127.0.0.1/x\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    url = load_settings().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://a:b@127.0.0.1/x"


def test_value_and_its_file_together_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://a:b@db/x")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:b@db/y")
    with pytest.raises(ConfigError, match="DATABASE_URL and DATABASE_URL_FILE"):
        load_settings()


def test_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STARKMATTER_METRICS_TOKEN_FILE", str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="STARKMATTER_METRICS_TOKEN_FILE"):
        load_settings()


def test_generated_secret_is_private_long_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STARKMATTER_HOME", str(tmp_path / "home"))
    settings = load_settings()
    secret = home_secret(settings, "session_key")
    path = tmp_path / "home" / "secrets" / "session_key"
    assert len(secret) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert home_secret(settings, "session_key") == secret
    assert home_secret(settings, "another") != secret


def test_secret_that_others_can_read_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STARKMATTER_HOME", str(tmp_path / "home"))
    settings = load_settings()
    home_secret(settings, "session_key")
    (tmp_path / "home" / "secrets" / "session_key").chmod(0o644)
    with pytest.raises(ConfigError, match="readable by others"):
        home_secret(settings, "session_key")


def test_secrets_never_show_in_a_settings_printout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:hunter22@localhost/x")
    monkeypatch.setenv("STARKMATTER_METRICS_TOKEN", "hunter22" * 4)
    assert "hunter22" not in repr(load_settings())


@pytest.mark.parametrize(
    "given",
    [
        {
            "DATABASE_URL": "postgresql://a:b@db/x?sslmode=verify-full",
            "REDIS_URL": "rediss://:long-enough@cache:6380/0",
        },
        {"DATABASE_URL": "postgresql://a:b@/x?host=/run/postgresql", "REDIS_URL": "unix:///run/valkey.sock"},
        {"STARKMATTER_PUBLIC_URL": "https://trade.example.org"},
        {"STARKMATTER_PUBLIC_URL": "http://nas.home.arpa", "STARKMATTER_ALLOW_PLAINTEXT": "true"},
        {"DATABASE_URL": "postgresql://a:b@db/x", "STARKMATTER_ALLOW_PLAINTEXT": "true"},
    ],
)
def test_what_stays_here_goes_by_tls_or_was_allowed_is_taken(given: dict[str, str]) -> None:
    load_settings(given)
