"""Builds the browser's part once per fingerprint of its sources and keeps it; the same build serves any address."""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import deflate

from starkmatter.errors import ConfigError
from starkmatter.ops.children import Command
from starkmatter.settings import Settings
from starkmatter.version import ROOT_DIR, VERSION

SOURCES = ("rxconfig.py", "reflex.lock", "assets", "starkmatter/starkmatter.py", "starkmatter/ui", "requirements.txt")
STAGED = ("rxconfig.py", "reflex.lock", "assets", "starkmatter", "CHANGELOG.md")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "external")
DONE = "complete"
KEPT_BUILDS = 3
PACKING_LEVEL = 12
BUILD_SECS = 600
BAKED_ADDRESS = re.compile(r"([`\"'])(ws|http)s?://localhost:8000(/[^`\"']*)\1")
ORIGIN = 'globalThis.location?.origin??"http://localhost"'


def fingerprint() -> str:
    """Changes when, and only when, a new build is needed."""
    digest = hashlib.sha256(VERSION.encode())
    for path in _source_files():
        digest.update(str(path.relative_to(ROOT_DIR)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _source_files() -> Iterator[Path]:
    for name in SOURCES:
        path = ROOT_DIR / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in found:
            if file.is_file() and "__pycache__" not in file.parts and "external" not in file.parts:
                yield file


def built_frontend(settings: Settings) -> Path | None:
    """The web folder of a finished build of these sources, or None when it must be built."""
    name = fingerprint()
    for base in _bases(settings):
        if (base / name / DONE).exists():
            return base / name / "web"
    return None


def _bases(settings: Settings) -> tuple[Path, Path]:
    return ROOT_DIR / "build" / "frontend", settings.home / "frontend"


def lock_frontend(settings: Settings) -> None:
    """Build with the newest packages Reflex admits and keep their exact versions in the checkout."""
    base = _writable_base(settings)
    with _one_build_at_a_time(base):
        work = base / "work"
        _stage(work)
        shutil.rmtree(work / "reflex.lock", ignore_errors=True)
        shutil.rmtree(work / ".web", ignore_errors=True)
        _export(work)
        shutil.copytree(work / "reflex.lock", ROOT_DIR / "reflex.lock", dirs_exist_ok=True)


def _writable_base(settings: Settings) -> Path:
    for base in _bases(settings):
        try:
            base.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(base, os.W_OK | os.X_OK):
            return base
    raise ConfigError(f"STARKMATTER_HOME: the front end cannot be built, {settings.home} is not writable.")


def build_frontend(settings: Settings) -> Path:
    """Build unless done already; the web folder. ConfigError carries the build's last words."""
    done = built_frontend(settings)
    if done is not None:
        return done
    base = _writable_base(settings)
    with _one_build_at_a_time(base):
        done = built_frontend(settings)
        if done is not None:
            return done
        if not (ROOT_DIR / "starkmatter" / "starkmatter.py").exists():
            raise ConfigError("starkmatter/starkmatter.py is missing: this checkout has no web app to build.")
        name = fingerprint()
        work = base / "work"
        _stage(work)
        _export(work)
        return _keep(work / ".web", base, name)


@contextmanager
def _one_build_at_a_time(base: Path) -> Iterator[None]:
    with (base / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stage(work: Path) -> None:
    """Copy the sources, so that the build writes nothing into the checkout; what npm packages it has stays."""
    work.mkdir(exist_ok=True)
    for name in STAGED:
        source, target = ROOT_DIR / name, work / name
        if target.is_dir():
            shutil.rmtree(target)
        if source.is_dir():
            shutil.copytree(source, target, ignore=IGNORED)
        elif source.exists():
            shutil.copyfile(source, target)
    (work / "assets").mkdir(exist_ok=True)
    shutil.rmtree(work / ".web" / "build", ignore_errors=True)


def build_env(work: Path) -> dict[str, str]:
    """The environment of `reflex export`: no setting and no secret of ours, bun found beside this Python."""
    kept = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    kept |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "PYTHONPATH": os.pathsep.join(part for part in (str(work), os.environ.get("PYTHONPATH", "")) if part),
        "PYTHONDONTWRITEBYTECODE": "1",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "REFLEX_DIR": str(work / ".reflex"),
        "STARKMATTER_HOME": str(work / ".home"),
        "CI": "1",
    }
    if not os.access(Path(kept.get("HOME", "/nonexistent")), os.W_OK):
        kept |= {"HOME": str(work), "BUN_INSTALL_CACHE_DIR": str(work / ".bun")}
    return kept


def _is_ours(name: str) -> bool:
    return name.startswith(("STARKMATTER_", "DATABASE_URL", "REDIS_URL", "REFLEX_", "__REFLEX_"))


def _export(work: Path) -> None:
    command = Command(
        name="frontend",
        argv=(sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip", "--loglevel", "warning"),
        env=build_env(work),
        cwd=work,
        stop_signal=signal.SIGTERM,
        own_group=False,
    )
    try:
        done = subprocess.run(  # noqa: S603 - our own argv
            command.argv, **command.options(), capture_output=True, text=True, timeout=BUILD_SECS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"The front end was not built within {BUILD_SECS} s.") from None
    if done.returncode != 0 or not (work / ".web" / "build" / "client").is_dir():
        output = work / "build.log"
        output.write_text(done.stdout + done.stderr, encoding="utf-8")
        raise ConfigError(f"The front end could not be built: {_first_error(output)} (all of it: {output})")


def _first_error(output: Path) -> str:
    lines = [line.strip() for line in output.read_text(encoding="utf-8").splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"\w*error\b\s*:", line, re.IGNORECASE)]
    return (named or lines[-1:] or ["no reason given"])[0][:300]


def _keep(web: Path, base: Path, name: str) -> Path:
    fresh = base / f"{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "web").mkdir(parents=True)
    for part in ("build", "backend"):
        if (web / part).is_dir():
            shutil.copytree(web / part, fresh / "web" / part)
    for file in web.glob("*.json"):
        shutil.copyfile(file, fresh / "web" / file.name)
    _address_from_the_page(fresh / "web" / "build" / "client")
    _pack(fresh / "web" / "build" / "client")
    (fresh / DONE).touch()
    shutil.rmtree(base / name, ignore_errors=True)
    fresh.rename(base / name)
    _drop_old_builds(base)
    return base / name / "web"


def _address_from_the_page(client: Path) -> None:
    """Replace the server address that Reflex bakes into the script by the one the page came from."""
    changed = 0
    for script in client.rglob("*.js"):
        text = script.read_text(encoding="utf-8")
        new = BAKED_ADDRESS.sub(_address_expression, text)
        if new == text:
            continue
        changed += 1
        script.write_text(new, encoding="utf-8")
    if not changed:
        raise ConfigError("The front end names no server address: this Reflex builds differently from 0.10.1.")


def _pack(client: Path) -> None:
    """What is served packed, packed as small as gzip's format allows: three percent less for whoever waits for it."""
    for packed in client.rglob("*.gz"):
        packed.write_bytes(deflate.gzip_compress(packed.with_suffix("").read_bytes(), PACKING_LEVEL))


def _address_expression(match: re.Match[str]) -> str:
    origin = f'({ORIGIN}).replace(/^http/,"ws")' if match[2] == "ws" else f"({ORIGIN})"
    return f'({origin}+"{match[3]}")'


def _drop_old_builds(base: Path) -> None:
    builds = sorted((path.parent for path in base.glob(f"*/{DONE}")), key=lambda path: path.stat().st_mtime)
    for old in builds[:-KEPT_BUILDS]:
        shutil.rmtree(old, ignore_errors=True)


def serving_env(web: Path) -> dict[str, str]:
    """What Reflex 0.10.1 must find in the environment to serve `web` without compiling anything."""
    return {
        "REFLEX_ENV_MODE": "prod",
        "__REFLEX_SKIP_COMPILE": "true",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
        "REFLEX_BACKEND_ONLY": "true",
        "REFLEX_WEB_WORKDIR": str(web),
        "REFLEX_SOCKET_MAX_HTTP_BUFFER_SIZE": "65536",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
    }
