"""Live trading over REST: on takes a browser, the name and a second factor; off takes nothing."""

from uuid import UUID

import pyotp
import pytest

from starkmatter.accounts import factor
from starkmatter.accounts.passphrase import hash_passphrase
from starkmatter.accounts.sessions import cookie_name
from starkmatter.trading.live.standing import live_standing
from tests.api.conftest import Api
from tests.builders import Desk

PASSPHRASE = "violet harbor counts nine engines"
REAL = """
INSERT INTO account
SELECT (jsonb_populate_record(a, '{"id": "11111111-1111-4111-8111-111111111111", "name": "Real", "mode": "live"}')).*
  FROM account a WHERE a.id = %s
"""
ID = UUID("11111111-1111-4111-8111-111111111111")
PATH = f"/api/v1/accounts/{ID}/live-trading"


@pytest.fixture
async def real(api: Api, desk: Desk) -> Api:
    """The person has an account of real money too, and a passphrase."""
    await desk.b.db.run(REAL, (desk.account_id,))
    hashed = await hash_passphrase(PASSPHRASE)
    await desk.b.db.run("UPDATE app_user SET passphrase_hash = %s WHERE id = %s", (hashed, desk.caller.user_id))
    return api


async def test_an_account_on_paper_has_none(api: Api, desk: Desk) -> None:
    path = f"/api/v1/accounts/{desk.account_id}/live-trading"
    assert (await api.http.get(path)).json()["on"] is False
    assert (await api.http.put(path, json={"confirm": "Practice"})).status_code == 404
    assert (await api.http.put(f"{path}/limit", json={"limit": "1"})).status_code == 404
    assert (await api.http.delete(path)).status_code == 404


async def test_it_is_turned_on_with_name_and_factor_bounded_and_turned_off(real: Api, desk: Desk) -> None:
    wrong = await real.http.put(PATH, json={"confirm": "Practice"})
    assert (wrong.status_code, "Real" in wrong.json()["detail"]) == (422, True)
    without = await real.http.put(PATH, json={"confirm": "Real"})
    assert (without.status_code, without.json()["code"]) == (403, "no_second_factor")
    secret = (await factor.enroll(desk.b, desk.caller)).secret
    await desk.b.db.run("UPDATE user_totp SET confirmed_at = now() WHERE user_id = %s", (desk.caller.user_id,))
    asked = await real.http.put(PATH, json={"confirm": "Real"})
    assert (asked.status_code, asked.json()["code"]) == (403, "step_up_required")
    assert (asked.json()["accepted"], asked.json()["live"]) == (["code"], True)
    assert await live_standing(desk.b.db, ID) is None
    proof = {"password": PASSPHRASE, "totp": pyotp.TOTP(secret).now()}
    proven = await real.http.post("/api/v1/auth/step-up", json=proof)
    assert proven.status_code == 200, proven.text
    name = cookie_name(desk.b.settings)
    token = proven.headers["set-cookie"].split(";")[0].removeprefix(f"{name}=")
    real.http.cookies.clear()
    real.http.cookies.set(name, token)
    on = await real.http.put(PATH, json={"confirm": "Real"})
    assert (on.status_code, on.json()["on"], on.json()["limit"]) == (200, True, "0.00")
    higher = await real.http.put(f"{PATH}/limit", json={"limit": "250"})
    assert (higher.status_code, higher.json()["code"]) == (403, "step_up_required")  # the factor was used up
    assert (await real.http.put(f"{PATH}/limit", json={"limit": "-1"})).status_code == 422
    assert (await real.http.put(f"{PATH}/limit", json={"limit": "0"})).status_code == 200
    assert (await real.http.delete(PATH)).json()["on"] is False
    assert (await real.http.delete(PATH)).status_code == 200
    assert await live_standing(desk.b.db, ID) is None
