"""The running product with an owner whose every text is a canary, and people who must not see it."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from tests.security.product import Person, Product, product_of

CANARY = "canary-7f3a91"
OWNER_NAME = f"Owner {CANARY}"
OWNER_EMAIL = f"{CANARY}@example.org"
PASSPHRASE = f"{CANARY} passphrase of nine engines"
ACCOUNT_NAME = f"Account {CANARY}"
FILL_SECS = 30


@dataclass(frozen=True)
class Estate:
    """What the owner has and nobody else may see or change."""

    owner: Person
    account_id: UUID
    order_id: UUID
    working_id: UUID
    fill_id: UUID
    session_id: UUID

    @property
    def ids(self) -> list[str]:
        return [str(one) for one in (self.account_id, self.order_id, self.working_id, self.fill_id, self.session_id)]

    @property
    def secrets(self) -> list[str]:
        """What must never reach anybody else."""
        return [CANARY, *self.ids, self.owner.token]


@pytest.fixture(scope="session")
def product(request: pytest.FixtureRequest) -> Product:
    return product_of(request.config)


@pytest.fixture(scope="session")
def estate(product: Product) -> Estate:
    """An owner with an account of their own name, one filled order and one that still works."""
    owner = product.owner(OWNER_NAME, OWNER_EMAIL, PASSPHRASE)
    with product.client(owner) as http:
        deadline = time.monotonic() + FILL_SECS
        account = http.get("/api/v1/accounts").json()["items"][0]["id"]
        with product.database() as connection:
            connection.execute("UPDATE account SET name = %s WHERE id = %s", (ACCOUNT_NAME, account))
        body = {"account_id": account, "symbol": "AAPL", "side": "buy", "type": "market", "qty": "10"}
        filled = _order(http, {**body, "time_in_force": "day"}, "canary-order-1")
        far = {**body, "type": "limit", "limit_price": "1.00", "time_in_force": "gtc", "acknowledge": ["duplicate"]}
        working = _order(http, far, "canary-order-2")
        while not (fills := http.get(f"/api/v1/orders/{filled}/fills").json()["items"]):
            assert time.monotonic() < deadline, http.get(f"/api/v1/orders/{filled}").json()
            time.sleep(0.1)
        while http.get(f"/api/v1/orders/{working}").json()["status"] != "working":
            assert time.monotonic() < deadline, http.get(f"/api/v1/orders/{working}").json()
            time.sleep(0.1)
    return Estate(owner, UUID(account), UUID(filled), UUID(working), UUID(fills[0]["id"]), product.session_id(owner))


def _order(http, body: dict[str, Any], key: str) -> str:
    answer = http.post("/api/v1/orders", json=body, headers={"idempotency-key": key})
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] != "risk_rejected", answer.json()
    return str(answer.json()["id"])
