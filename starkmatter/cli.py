"""The command `starkmatter`: start, inspect and keep an instance; an error is one line, never a traceback."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from starkmatter.errors import StarkMatterError
from starkmatter.settings import Settings, load_settings
from starkmatter.version import VERSION

app = typer.Typer(
    help="A self-hosted trading platform.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
user = typer.Typer(help="Accounts of people.", no_args_is_help=True)
app.add_typer(user, name="user")
keys = typer.Typer(help="Keys that sign programs' access tokens.", no_args_is_help=True)
app.add_typer(keys, name="keys")
audit = typer.Typer(help="The log of who did what.", no_args_is_help=True)
app.add_typer(audit, name="audit")
vault = typer.Typer(help="The key that keys of vendors and seeds are sealed under.", no_args_is_help=True)
app.add_typer(vault, name="vault")


def main() -> None:
    """Run the command line; exits with the code of the error, if any."""
    try:
        app()
    except StarkMatterError as error:
        print(f"starkmatter: {error.text}", file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 1))


def _settings(process: str) -> Settings:
    from starkmatter.ops.without import without

    with without("pygments", "attr"):  # structlog would draw coloured tracebacks with them: 2 MB in each process
        from starkmatter.ops.logging import configure_logging

    _take_env_file()
    settings = load_settings()
    configure_logging(settings, process)
    return settings


def _take_env_file() -> None:
    """Put .env into the environment, so that children see the same wherever they run, and NAME_FILE works in it."""
    from dotenv import dotenv_values

    for name, value in dotenv_values(".env").items():
        if value is not None:
            os.environ.setdefault(name, value)


def _version(wanted: bool) -> None:
    if wanted:
        print(VERSION)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """A self-hosted trading platform."""


@app.command()
def run(
    hot: Annotated[bool, typer.Option("--reload", help="Compile again after each change of the sources.")] = False,
) -> None:
    """Start everything and stay in the foreground: engines, worker and web."""
    settings = _settings("run")
    from starkmatter.ops.supervisor import supervise

    raise typer.Exit(supervise(settings, reload=hot))


@app.command()
def web() -> None:
    """Serve pages and the API only. Needs DATABASE_URL and REDIS_URL."""
    settings = _connected("web")
    from starkmatter.ops.web import serve

    serve(settings)


@app.command()
def worker() -> None:
    """Run jobs, the feed and orders only. Needs DATABASE_URL and REDIS_URL."""
    settings = _connected("worker")
    from starkmatter.jobs.worker import main as work
    from starkmatter.ops.children import die_with_parent

    die_with_parent()
    raise typer.Exit(work(settings))


@app.command()
def frontend(
    lock: Annotated[bool, typer.Option("--lock", help="Resolve its packages anew and keep the lock file.")] = False,
) -> None:
    """Build the browser's part unless this version's is there already."""
    settings = _settings("frontend")
    from starkmatter.ops.children import end_group_on_sigterm
    from starkmatter.ops.frontend import build_frontend, lock_frontend

    end_group_on_sigterm()
    if lock:
        lock_frontend(settings)
    build_frontend(settings)


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    settings = _settings("migrate")
    from starkmatter.db.migrate import migrate as upgrade
    from starkmatter.ops.oneoff import reachable_database

    with reachable_database(settings) as database_url:
        upgrade(database_url)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Say what is configured, reachable and stale. Exit code 1 when a required part is not in order."""
    settings = _settings("doctor")
    from starkmatter.accounts.sealing.report import vault_part
    from starkmatter.ops.doctor import examine

    report = examine(settings, [vault_part])
    print(json.dumps(report.as_json(), indent=2) if as_json else report.as_text())
    raise typer.Exit(0 if report.ok else 1)


@app.command()
def healthy() -> None:
    """Exit code 0 when the web process answers /healthz here: for a container's health check."""
    import asyncio

    from starkmatter.ops.probe import http_ok

    _take_env_file()
    settings = load_settings()
    raise typer.Exit(0 if asyncio.run(http_ok(settings.host, settings.port, "/healthz")) else 1)


@user.command("setup-link")
def setup_link(
    if_needed: Annotated[bool, typer.Option("--if-needed", help="Say nothing when there is an owner.")] = False,
) -> None:
    """Print the one-time link that creates the owner's account."""
    settings = _settings("user")
    from starkmatter.accounts.setup import issue_setup_link
    from starkmatter.ops.oneoff import reachable_database

    with reachable_database(settings) as database_url:
        link = issue_setup_link(settings, database_url)
    if link:
        print(link)
    elif not if_needed:
        print("There is an owner already; sign in instead.", file=sys.stderr)
        raise typer.Exit(1)


@keys.command("rotate")
def rotate(
    end_former: Annotated[
        bool, typer.Option("--end-former", help="The former keys verify nothing any more: after a leak.")
    ] = False,
) -> None:
    """Have a new key sign from now on. What the former one signed counts until it ends, ten minutes at most."""
    settings = _settings("keys")
    from starkmatter.accounts.programs.signing_keys import rotate_now
    from starkmatter.ops.oneoff import reachable_database

    with reachable_database(settings) as database_url:
        rotate_now(settings, database_url, end_former=end_former)
    print("A new key signs access tokens from now on.")


@audit.command("verify")
def verify(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Check every row's hash and the anchors. Exit code 1 when the log is not whole; the first bad row is named."""
    settings = _settings("audit")
    from starkmatter.accounts.audit.verify import verify_log

    verdict = verify_log(settings)
    print(json.dumps(verdict.as_json(), indent=2) if as_json else verdict.as_text())
    raise typer.Exit(0 if verdict.whole else 1)


@vault.command("rotate")
def rotate_vault_key(
    resume: Annotated[
        bool, typer.Option("--resume", help="No newer key: finish what was begun, or move to where the key is now.")
    ] = False,
) -> None:
    """Make a newer key and bring everything under it while the product runs. Ended early, it can be run again."""
    settings = _settings("vault")
    from starkmatter.accounts.sealing.commands import rotate_vault

    moved = rotate_vault(settings, resume=resume)
    print(moved.as_text())
    raise typer.Exit(1 if moved.not_opened else 0)


@vault.command("status")
def vault_status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Say where the key is and how many rows are under which version."""
    settings = _settings("vault")
    from starkmatter.accounts.sealing.commands import status_of_vault

    status = status_of_vault(settings)
    print(json.dumps(status.as_json(), indent=2) if as_json else status.as_text())


@vault.command("drop-former")
def drop_former() -> None:
    """Forget the keys on this machine that nothing is under any more. Older backups cannot be opened without them."""
    settings = _settings("vault")
    from starkmatter.accounts.sealing.commands import drop_former_keys

    gone = ", ".join(map(str, drop_former_keys(settings)))
    print(f"Gone: {gone}. What older backups hold under them stays closed." if gone else "There is no former key.")


@app.command()
def backup(
    target: Annotated[Path | None, typer.Argument(help="The file to write; else one in the home's backups.")] = None,
) -> None:
    """Write one file with the whole database and a manifest."""
    settings = _settings("backup")
    from starkmatter.ops.backup import back_up

    print(back_up(settings, target))


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A file that `starkmatter backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace what the database holds now.")] = False,
) -> None:
    """Bring back a backup. Refused while the instance runs."""
    settings = _settings("restore")
    from starkmatter.accounts.audit.anchors import set_aside_anchors
    from starkmatter.clock import utc_now
    from starkmatter.ops.backup import bring_back

    print(bring_back(settings, source, replace=replace))
    # An older log is what was asked for: it is not held against what the newer one's end was.
    aside = set_aside_anchors(settings.home, utc_now())
    if aside is not None:
        print(f"The audit log begins new anchors; the former ones are kept in {aside}.")


def _connected(process: str) -> Settings:
    from starkmatter.errors import ConfigError

    settings = _settings(process)
    missing = [
        name
        for name, value in {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}.items()
        if value is None
    ]
    if missing:
        raise ConfigError(f"{' and '.join(missing)} not set: `starkmatter run` starts the embedded engines.")
    return settings
