"""Data health and the order of sources over REST: for admins alone."""

from starkmatter.market.source_order import BY_DEFAULT
from tests.api.conftest import Api


async def test_an_admin_reads_data_health_and_orders_the_sources(api: Api) -> None:
    body = (await api.http.get("/api/v1/admin/data-health")).json()
    assert [one["adapter"] for one in body["sources"]] == list(BY_DEFAULT)
    assert (body["told_at"], body["note"], body["refusals"]) == (None, "", [])
    turned = list(BY_DEFAULT)[::-1]
    assert (await api.http.put("/api/v1/admin/market-sources", json={"order": turned})).status_code == 204
    body = (await api.http.get("/api/v1/admin/data-health")).json()
    assert [one["adapter"] for one in body["sources"]] == turned
    refused = await api.http.put("/api/v1/admin/market-sources", json={"order": ["yahoo"]})
    assert refused.status_code == 422


async def test_others_are_refused(api: Api) -> None:
    trader = await api.as_person(await api.desk.person("trader"))
    assert (await trader.http.get("/api/v1/admin/data-health")).status_code == 403
    assert (await trader.http.put("/api/v1/admin/market-sources", json={"order": []})).status_code == 403
