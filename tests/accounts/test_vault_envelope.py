"""The envelope: a data key for each row, bound with its ciphertext to a place; without the key nothing is to be had."""

import base64
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from starkmatter.accounts.sealing.envelope import NONCE_BYTES, rewrap, seal, unseal
from starkmatter.accounts.sealing.keyring import read_keys, with_a_newer, write_keys
from starkmatter.accounts.sealing.local import local_keys
from starkmatter.accounts.sealing.places import secret_place, signing_key_place, totp_place
from starkmatter.accounts.sealing.ports import LOST
from starkmatter.accounts.vault import keep_secret, open_secret
from starkmatter.backends import Backends
from starkmatter.errors import ConfigError
from starkmatter.ops.backup import _run_tool
from starkmatter.ops.programs import binary
from starkmatter.settings import Settings, load_settings
from tests.accounts.vault_rows import Planted, as_before_data_keys, opened, plant, versions
from tests.builders import make_caller

PLACE = "table|row|column|person"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"STARKMATTER_HOME": str(tmp_path)})


async def test_rows_of_every_kind_have_data_keys_of_their_own_under_the_first_key(b: Backends) -> None:
    planted = await plant(b)
    assert await opened(b, planted) == planted
    assert await versions(b) == {"local:1"}
    wrapped = await b.db.tuples("SELECT wrapped_key FROM vault_secret UNION ALL SELECT wrapped_key FROM user_totp")
    assert len({row[0] for row in wrapped}) == len(wrapped) == 5


@pytest.mark.parametrize(
    "columns", ["ciphertext", "nonce, ciphertext", "wrapped_key", "nonce, ciphertext, wrapped_key, kek_version"]
)
async def test_columns_that_change_places_between_people_do_not_open(b: Backends, columns: str) -> None:
    one, other = await make_caller(b.db), await make_caller(b.db, "trader")
    for person in (one, other):
        await keep_secret(b, "alpaca", person.user_id, {"key_id": person.email}, hide=set())
    pairs = ", ".join(f"{name} = w.{name}" for name in columns.split(", "))
    await b.db.run(f"UPDATE vault_secret v SET {pairs} FROM vault_secret w WHERE v.id <> w.id")
    for person in (one, other):
        with pytest.raises(ConfigError, match="cannot be opened"):
            await open_secret(b, "alpaca", person.user_id)


@pytest.mark.parametrize("column", ["id", "kind"])
async def test_a_row_under_another_id_or_kind_does_not_open(b: Backends, column: str) -> None:
    await keep_secret(b, "alpaca", None, {"key_id": "x"}, hide=set())
    await b.db.run(
        "UPDATE vault_secret SET id = gen_random_uuid()" if column == "id" else "UPDATE vault_secret SET kind = 'other'"
    )
    with pytest.raises(ConfigError, match="cannot be opened"):
        await open_secret(b, "alpaca" if column == "id" else "other", None)


async def test_a_sealed_value_opens_in_no_other_table(settings: Settings) -> None:
    row = UUID(int=7)
    places = [secret_place(row, "alpaca", None), secret_place(row, "alpaca", row), totp_place(row)]
    places.append(signing_key_place(str(row)))
    for place in places:
        sealed = await seal(settings, b"x", place)
        assert await unseal(settings, sealed, place) == b"x"
        for another in set(places) - {place}:
            with pytest.raises(ConfigError, match="cannot be opened"):
                await unseal(settings, sealed, another)
            with pytest.raises(ConfigError, match="cannot be opened"):
                await rewrap(settings, sealed, another)


async def test_a_ciphertext_is_bound_to_its_place_even_with_its_own_data_key(settings: Settings) -> None:
    sealed, keys = await seal(settings, b"x", PLACE), local_keys(settings)
    assert sealed.wrapped_key is not None
    data_key = await keys.unwrap(sealed.wrapped_key, PLACE, 1)
    elsewhere = (await keys.wrap(data_key, "elsewhere")).blob
    assert await keys.unwrap(elsewhere, "elsewhere", 1) == data_key
    with pytest.raises(ConfigError, match="cannot be opened"):
        await unseal(settings, replace(sealed, wrapped_key=elsewhere), "elsewhere")


@pytest.mark.parametrize("name", ["nonce", "ciphertext", "wrapped_key"])
async def test_one_bit_that_was_changed_is_noticed(settings: Settings, name: str) -> None:
    sealed = await seal(settings, b"the secret", PLACE)
    raw = getattr(sealed, name)
    for at in range(len(raw)):
        altered = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(ConfigError) as refused:
            await unseal(settings, replace(sealed, **{name: altered}), PLACE)
        assert refused.value.text == LOST
    for short in (b"", raw[:5], raw[:-1]):
        with pytest.raises(ConfigError):
            await unseal(settings, replace(sealed, **{name: short}), PLACE)


@pytest.mark.parametrize("version", ["local:2", "local:", "local:x", "hashicorp:1", "elsewhere:1", "1", ""])
async def test_a_version_that_is_not_its_own_does_not_open_it(settings: Settings, version: str) -> None:
    await seal(settings, b"x", PLACE)
    await local_keys(settings).make_newer()
    sealed = replace(await seal(settings, b"x", PLACE), kek_version=version)
    if version == "local:2":
        assert await unseal(settings, sealed, PLACE) == b"x"
        sealed = replace(sealed, kek_version="local:1")
    with pytest.raises(ConfigError):
        await unseal(settings, sealed, PLACE)


async def test_one_without_its_wrapped_key_is_not_taken_for_the_former_form(settings: Settings) -> None:
    sealed = await seal(settings, b"x", PLACE)
    for key_version in (1, 2):
        with pytest.raises(ConfigError, match="cannot be opened"):
            await unseal(settings, replace(sealed, wrapped_key=None, key_version=key_version), PLACE)


async def test_a_lost_key_file_is_named_and_none_is_made_by_looking(b: Backends) -> None:
    planted = await plant(b)
    path = b.settings.home / "secrets" / "vault_key"
    text = path.read_text()
    path.unlink()
    with pytest.raises(ConfigError) as refused:
        await open_secret(b, "alpaca", None)
    assert refused.value.text == LOST
    assert not path.exists()
    path.write_text(text)
    path.chmod(0o600)
    assert await opened(b, planted) == planted


async def test_a_dump_without_the_key_holds_nothing_of_twenty_secrets(
    b: Backends, database_url: str, tmp_path: Path
) -> None:
    planted = await plant(b, people=6)
    assert len(planted.canaries) >= 20
    await assert_not_dumped(planted, database_url, tmp_path / "new.sql")
    await as_before_data_keys(b, planted)
    await assert_not_dumped(planted, database_url, tmp_path / "former.sql")
    # The search does find what is there: a row's wrapped or sealed bytes.
    blob = await b.db.value("SELECT ciphertext FROM user_totp LIMIT 1")
    assert blob.hex() in (tmp_path / "former.sql").read_text()


async def assert_not_dumped(planted: Planted, database_url: str, target: Path) -> None:
    assert binary("pg_dump")
    _run_tool("pg_dump", database_url, "--format=plain", "--enable-row-security", f"--file={target}")
    dump = target.read_bytes()
    assert b"COPY public.vault_secret" in dump
    for canary in planted.canaries:
        for form in (canary, canary.hex().encode(), base64.b64encode(canary).rstrip(b"=")):
            assert form not in dump


async def test_a_million_nonces_are_a_million(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nonces and data keys come from the same source; sealing takes them from there anew each time."""
    from starkmatter.accounts.sealing import envelope

    assert len({envelope.secrets.token_bytes(NONCE_BYTES) for _ in range(1_000_000)}) == 1_000_000
    await seal(settings, b"x", PLACE)  # makes the key file
    drawn: list[bytes] = []
    real = envelope.secrets.token_bytes

    def counted(size: int) -> bytes:
        drawn.append(real(size))
        return drawn[-1]

    monkeypatch.setattr(envelope.secrets, "token_bytes", counted)
    sealed = [await seal(settings, b"x", PLACE) for _ in range(2_000)]
    assert len({one.nonce for one in sealed}) == len({one.ciphertext for one in sealed}) == len(sealed)
    assert len({one.wrapped_key[:NONCE_BYTES] for one in sealed if one.wrapped_key}) == len(sealed)
    assert len(set(drawn)) == len(drawn) == 3 * len(sealed)


async def test_several_keys_may_be_given_and_the_newest_seals(tmp_path: Path) -> None:
    keys = read_keys(with_first := write_keys(with_a_newer({})[1]))
    both = write_keys(with_a_newer(keys)[1])
    first = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VAULT_KEY": with_first.strip()[2:]})
    sealed = await seal(first, b"x", PLACE)
    assert sealed.kek_version == "local:1"
    given = load_settings({"STARKMATTER_HOME": str(tmp_path), "STARKMATTER_VAULT_KEY": " ".join(both.split())})
    assert await unseal(given, sealed, PLACE) == b"x"
    assert (await rewrap(given, sealed, PLACE)).kek_version == "local:2"
    with pytest.raises(ConfigError, match="2:NEWEST 1:FORMER"):
        await local_keys(given).make_newer()
    assert not (tmp_path / "secrets" / "vault_key").exists()


async def test_a_given_file_is_read_again_when_it_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, keys = tmp_path / "given", with_a_newer({})[1]
    file.write_text(write_keys(keys))
    monkeypatch.setenv("STARKMATTER_VAULT_KEY_FILE", str(file))
    settings = load_settings({"STARKMATTER_HOME": str(tmp_path)})
    former = await seal(settings, b"x", PLACE)
    file.write_text(write_keys(with_a_newer(keys)[1]))
    assert (await seal(settings, b"x", PLACE)).kek_version == "local:2"
    assert await unseal(settings, former, PLACE) == b"x"


@pytest.mark.parametrize(
    "text", ["x:" + "A" * 43, "1:short", "1:" + "A" * 43 + " 1:" + "B" * 43, "é" * 43, "-1:" + "A" * 43]
)
def test_keys_that_are_none_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="STARKMATTER_VAULT_KEY") as refused:
        read_keys(text)
    assert "AAAA" not in refused.value.text
    assert "short" not in refused.value.text


def test_a_key_file_that_others_can_read_is_refused(settings: Settings) -> None:
    folder = settings.home / "secrets"
    folder.mkdir()
    (folder / "vault_key").write_text(write_keys(with_a_newer({})[1]))
    (folder / "vault_key").chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        local_keys(settings).numbers()
