"""Every setting of the product in one frozen object; unsafe values are refused by the variable's name.

Each variable can also be given as NAME_FILE, the path of a file that holds the value (container secrets).
"""

import ipaddress
import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from starkmatter.errors import ConfigError

SAMPLE_SECRETS = frozenset({"changeme", "change-me", "secret", "password", "example", "sample", "test", "starkmatter"})
GENERATED_SECRET_BYTES = 32
SECRET_MIN_CHARS = 16
PLAINTEXT_HELP = "In a network that is yours alone, STARKMATTER_ALLOW_PLAINTEXT=true allows it."


def _variable(field_name: str) -> str:
    return UNPREFIXED.get(field_name, f"STARKMATTER_{field_name.upper()}")


UNPREFIXED = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}


class _FileSource(PydanticBaseSettingsSource):
    """Reads NAME_FILE for every field: the file's text, stripped of the last line break."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        variable = _variable(field_name)
        path = os.environ.get(f"{variable}_FILE")
        if not path:
            return None, field_name, False
        if os.environ.get(variable):
            raise ConfigError(f"{variable} and {variable}_FILE are both set: keep one.")
        try:
            return Path(path).read_text(encoding="utf-8").rstrip("\r\n"), field_name, False
        except OSError as error:
            raise ConfigError(f"{variable}_FILE: cannot read {path}: {error.strerror}.") from error

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, _, _ = self.get_field_value(field, name)
            if value is not None:
                found[_variable(name)] = value
        return found


def _env(name: str) -> AliasChoices:
    return AliasChoices(name)


class Settings(BaseSettings):
    """What the operator may choose. Built once per process by `load_settings`; never changed afterwards."""

    model_config = SettingsConfigDict(frozen=True, env_file=".env", extra="ignore", case_sensitive=True)

    home: Path = Field(Path("data"), validation_alias=_env("STARKMATTER_HOME"))
    host: str = Field("127.0.0.1", validation_alias=_env("STARKMATTER_HOST"))
    port: int = Field(3000, ge=1, le=65535, validation_alias=_env("STARKMATTER_PORT"))
    public_url: str | None = Field(None, validation_alias=_env("STARKMATTER_PUBLIC_URL"))
    allowed_origins: str = Field("", validation_alias=_env("STARKMATTER_ALLOWED_ORIGINS"))
    allow_plaintext: bool = Field(False, validation_alias=_env("STARKMATTER_ALLOW_PLAINTEXT"))
    trusted_proxy_hops: int = Field(0, ge=0, le=8, validation_alias=_env("STARKMATTER_TRUSTED_PROXY_HOPS"))

    database_url: SecretStr | None = Field(None, validation_alias=_env("DATABASE_URL"))
    redis_url: SecretStr | None = Field(None, validation_alias=_env("REDIS_URL"))
    metrics_token: SecretStr | None = Field(None, validation_alias=_env("STARKMATTER_METRICS_TOKEN"))

    session_idle_mins: int = Field(30, ge=1, le=1440, validation_alias=_env("STARKMATTER_SESSION_IDLE_MINS"))
    session_max_hours: int = Field(12, ge=1, le=720, validation_alias=_env("STARKMATTER_SESSION_MAX_HOURS"))

    sign_in_per_min: int = Field(30, ge=1, le=10_000, validation_alias=_env("STARKMATTER_SIGN_IN_PER_MIN"))

    requests_per_min: int = Field(1200, ge=1, le=1_000_000, validation_alias=_env("STARKMATTER_REQUESTS_PER_MIN"))
    reads_per_min: int = Field(600, ge=1, le=1_000_000, validation_alias=_env("STARKMATTER_READS_PER_MIN"))
    writes_per_min: int = Field(120, ge=1, le=1_000_000, validation_alias=_env("STARKMATTER_WRITES_PER_MIN"))
    events_per_sec: int = Field(20, ge=1, le=100_000, validation_alias=_env("STARKMATTER_EVENTS_PER_SEC"))
    admin_networks: str = Field("", validation_alias=_env("STARKMATTER_ADMIN_NETWORKS"))

    replay_start_on: date = Field(date(2021, 3, 1), validation_alias=_env("STARKMATTER_REPLAY_START_ON"))
    replay_speed: int = Field(10, ge=1, le=60, validation_alias=_env("STARKMATTER_REPLAY_SPEED"))
    replay_seed: int = Field(7, ge=0, le=2**31 - 1, validation_alias=_env("STARKMATTER_REPLAY_SEED"))

    vault_key: SecretStr | None = Field(None, validation_alias=_env("STARKMATTER_VAULT_KEY"))
    vault_source: Literal["local", "hashicorp"] | None = Field(None, validation_alias=_env("STARKMATTER_VAULT_SOURCE"))
    vault_addr: str | None = Field(None, validation_alias=_env("STARKMATTER_VAULT_ADDR"))
    vault_token: SecretStr | None = Field(None, validation_alias=_env("STARKMATTER_VAULT_TOKEN"))
    vault_transit_key: str = Field("starkmatter", validation_alias=_env("STARKMATTER_VAULT_TRANSIT_KEY"))
    vendor_urls: dict[str, str] = Field(default_factory=dict, validation_alias=_env("STARKMATTER_VENDOR_URLS"))
    egress_allow: str = Field("", validation_alias=_env("STARKMATTER_EGRESS_ALLOW"))

    look_after_secs: Annotated[tuple[float, ...], NoDecode] = Field(
        (0.5, 2.0, 8.0, 30.0), validation_alias=_env("STARKMATTER_LOOK_AFTER_SECS")
    )

    audit_webhook: str | None = Field(None, validation_alias=_env("STARKMATTER_AUDIT_WEBHOOK"))

    state_manager: Literal["memory", "redis"] = Field("memory", validation_alias=_env("STARKMATTER_STATE_MANAGER"))

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias=_env("STARKMATTER_LOG_LEVEL")
    )
    log_format: Literal["auto", "human", "json"] = Field("auto", validation_alias=_env("STARKMATTER_LOG_FORMAT"))
    debug: bool = Field(False, validation_alias=_env("STARKMATTER_DEBUG"))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, _FileSource(settings_cls), dotenv_settings)

    @field_validator("home")
    @classmethod
    def _home_is_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("public_url")
    @classmethod
    def _public_url_is_an_origin(cls, value: str | None) -> str | None:
        return _origin("STARKMATTER_PUBLIC_URL", value) if value else None

    @field_validator("vendor_urls", mode="before")
    @classmethod
    def _vendor_urls_from_a_file(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("vendor_urls")
    @classmethod
    def _vendor_urls_are_safe(cls, value: dict[str, str]) -> dict[str, str]:
        for name, url in value.items():
            if not _is_safe_address(url, {"https", "wss"}, {"http", "ws"}):
                raise ConfigError(
                    f"STARKMATTER_VENDOR_URLS: '{name}' must be an https or wss address, or one on this machine."
                )
        return value

    @field_validator("look_after_secs", mode="before")
    @classmethod
    def _look_after_secs_are_four_looks(cls, value: Any) -> tuple[float, ...]:
        try:
            first, second, third, last = map(float, value.split(",") if isinstance(value, str) else value)
        except (TypeError, ValueError):
            first = second = third = last = 0.0
        if not (0.5 <= first < second < third < last and 8 <= last <= 120):
            raise ConfigError(
                "STARKMATTER_LOOK_AFTER_SECS is four times in seconds, each later than the one before, the first at "
                "least 0.5, the last 8 to 120, such as 0.5,2,8,30."
            )
        return first, second, third, last

    @field_validator("audit_webhook")
    @classmethod
    def _audit_webhook_is_safe(cls, value: str | None) -> str | None:
        if value and not _is_safe_address(value, {"https"}, {"http"}):
            raise ConfigError("STARKMATTER_AUDIT_WEBHOOK must be an https address, or an http one on this machine.")
        return value or None

    @field_validator("vault_addr")
    @classmethod
    def _vault_addr_is_safe(cls, value: str | None) -> str | None:
        if value and not _is_safe_address(value, {"https"}, {"http"}):
            raise ConfigError("STARKMATTER_VAULT_ADDR must be an https address, or an http one on this machine.")
        return value or None

    @field_validator("vault_transit_key")
    @classmethod
    def _vault_transit_key_is_a_name(cls, value: str) -> str:
        if not re.fullmatch(r"([A-Za-z0-9_-]+/)*[A-Za-z0-9_.-]+", value):
            raise ConfigError(
                "STARKMATTER_VAULT_TRANSIT_KEY is a key's name, or MOUNT/NAME when it is not in transit/."
            )
        return value

    @field_validator("admin_networks")
    @classmethod
    def _admin_networks_are_networks(cls, value: str) -> str:
        for part in filter(None, (part.strip() for part in value.split(","))):
            try:
                ipaddress.ip_network(part)
            except ValueError:
                raise ConfigError(
                    f"STARKMATTER_ADMIN_NETWORKS: '{part}' is not a network such as 192.0.2.0/24."
                ) from None
        return value

    @field_validator("egress_allow")
    @classmethod
    def _egress_allow_is_a_list(cls, value: str) -> str:
        for part in filter(None, (part.strip() for part in value.split(","))):
            if not re.fullmatch(r"[^\s/:]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}", part):
                raise ConfigError(f"STARKMATTER_EGRESS_ALLOW: '{part}' is not host:port.")
        return value

    @field_validator("metrics_token", "vault_key", "vault_token")
    @classmethod
    def _no_sample_secrets(cls, value: SecretStr | None, info: Any) -> SecretStr | None:
        if value is None:
            return None
        text = value.get_secret_value()
        variable = _variable(info.field_name)
        if text.strip().lower() in SAMPLE_SECRETS:
            raise ConfigError(
                f"{variable} is a sample value: leave it unset to have one generated, or set a random one."
            )
        if len(text) < SECRET_MIN_CHARS:
            raise ConfigError(f"{variable} is shorter than {SECRET_MIN_CHARS} characters.")
        return value

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> "Settings":
        if "*" in self.allowed_origins:
            raise ConfigError("STARKMATTER_ALLOWED_ORIGINS may not contain '*': name each origin exactly.")
        if self.debug and not is_loopback(self.host):
            raise ConfigError("STARKMATTER_DEBUG may be on only when STARKMATTER_HOST is a loopback address.")
        if not is_loopback(self.host) and self.public_url is None and not self.allowed_origins.strip():
            raise ConfigError(
                "STARKMATTER_PUBLIC_URL is needed when STARKMATTER_HOST is not a loopback address: "
                "the address people type, such as https://trade.example.org."
            )
        if self.vault_addr is not None and self.vault_token is None:
            raise ConfigError("STARKMATTER_VAULT_TOKEN is needed when STARKMATTER_VAULT_ADDR is set.")
        if self.vault_source == "hashicorp" and self.vault_addr is None:
            raise ConfigError("STARKMATTER_VAULT_ADDR is needed when STARKMATTER_VAULT_SOURCE is hashicorp.")
        for name in ("database_url", "redis_url"):
            url: SecretStr | None = getattr(self, name)
            if url is not None:
                _check_service_url(_variable(name), url.get_secret_value())
                if not self.allow_plaintext and _in_the_clear(url.get_secret_value()):
                    raise ConfigError(f"{_variable(name)} leaves this machine without TLS. {PLAINTEXT_HELP}")
        for origin in self.origins:
            if not self.allow_plaintext and _in_the_clear(origin):
                raise ConfigError(f"Passphrases would travel in the clear to {origin}: use https. {PLAINTEXT_HELP}")
        return self

    @property
    def origins(self) -> tuple[str, ...]:
        """The exact browser origins that may use cookies and sockets."""
        listed = [
            _origin("STARKMATTER_ALLOWED_ORIGINS", part) for part in self.allowed_origins.split(",") if part.strip()
        ]
        if self.public_url:
            listed.insert(0, self.public_url)
        if is_loopback(self.host):
            listed += [f"http://{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")]
        return tuple(dict.fromkeys(listed))

    def is_admin_address(self, address: str) -> bool:
        """Whether admins may work as such from there: from everywhere when no network is named."""
        named = [part.strip() for part in self.admin_networks.split(",") if part.strip()]
        if not named:
            return True
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        ip = (isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped) or ip
        return any(ip in ipaddress.ip_network(part) for part in named)

    @property
    def wraps_at(self) -> Literal["local", "hashicorp"]:
        """Whose key wraps the data keys of what is sealed from now on."""
        return self.vault_source or ("hashicorp" if self.vault_addr else "local")

    @property
    def browser_url(self) -> str:
        """The address to print for a person."""
        host = "localhost" if is_loopback(self.host) else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def secure_cookies(self) -> bool:
        """Whether the public address is https, so that cookies carry Secure and the __Host- prefix."""
        return self.browser_url.startswith("https://")


def _origin(variable: str, value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        raise ConfigError(f"{variable}: '{value.strip()}' is not an origin such as https://trade.example.org.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    suffix = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{parts.scheme}://{host}{suffix}"


def _is_safe_address(url: str, secure: set[str], on_this_machine: set[str]) -> bool:
    parts = urlsplit(url)
    near = parts.scheme in on_this_machine and is_loopback(parts.hostname or "")
    return bool(parts.hostname) and (parts.scheme in secure or near)


def _check_service_url(variable: str, url: str) -> None:
    parts = urlsplit(url)
    if variable == "DATABASE_URL" and parts.scheme not in {"postgresql", "postgres"}:
        raise ConfigError("DATABASE_URL must start with postgresql:// (PostgreSQL is the only database).")
    if variable == "REDIS_URL":
        if parts.scheme not in {"redis", "rediss", "unix"}:
            raise ConfigError("REDIS_URL must start with redis://, rediss:// or unix://.")
        if parts.scheme != "unix" and not is_loopback(parts.hostname or "") and not parts.password:
            raise ConfigError("REDIS_URL points past this machine without a password: add one.")


def _in_the_clear(url: str) -> bool:
    """Whether what goes there leaves this machine without TLS."""
    parts = urlsplit(url)
    if parts.scheme in {"https", "rediss", "unix"} or not parts.hostname or is_loopback(parts.hostname):
        return False
    return dict(parse_qsl(parts.query)).get("sslmode", "") not in {"require", "verify-ca", "verify-full"}


def is_loopback(host: str) -> bool:
    """Whether binding to or connecting to `host` stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the environment, NAME_FILE files and .env; raises ConfigError naming the variable."""
    try:
        return Settings(**dict(overrides or {}))
    except ValidationError as error:
        first = error.errors()[0]
        variable = str(first["loc"][0]) if first["loc"] else "settings"
        raise ConfigError(f"{variable}: {first['msg']}.") from None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return load_settings()


def home_secret(settings: Settings, name: str, given: SecretStr | None = None) -> str:
    """The secret `name`: as given by the operator, else kept in the home (mode 600), generated on first use."""
    if given is not None:
        return given.get_secret_value()
    folder = settings.home / "secrets"
    path = folder / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return kept_secret(settings, name) or home_secret(settings, name)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        secret = secrets.token_urlsafe(GENERATED_SECRET_BYTES)
        file.write(secret + "\n")
    return secret


def kept_secret(settings: Settings, name: str) -> str | None:
    """The secret `name` of the home, None when there is none; it is not generated. ConfigError when others read it."""
    path = settings.home / "secrets" / name
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise ConfigError(f"{path} is readable by others (mode {mode:o}): run chmod 600 on it.")
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({type(error).__name__}).") from None
    if not text:
        raise ConfigError(f"{path} is empty: delete it to have a new one generated.")
    return text


def present_secret(variable: str, given: SecretStr) -> str:
    """A secret as its NAME_FILE holds it now, else as it was given at the start: some are replaced while we run."""
    path = os.environ.get(f"{variable}_FILE")
    if path and not os.environ.get(variable):
        try:
            return Path(path).read_text(encoding="utf-8").strip() or given.get_secret_value()
        except (OSError, ValueError):
            return given.get_secret_value()
    return given.get_secret_value()
