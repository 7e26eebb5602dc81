"""The way out of an SDK's own client: one vendor, no other address, within the guard's limits."""

import httpx2
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from starkmatter.egress.door import VendorDoor, destination_of
from starkmatter.egress.failures import VendorFailure

ORIGIN = "https://api.vendor.example"


def client(at: str, **more: int) -> httpx2.AsyncClient:
    door = VendorDoor("Vendor", {ORIGIN: at}, timeout_secs=1.0, **more)
    return httpx2.AsyncClient(transport=door, trust_env=False)


async def test_a_request_goes_where_the_operator_says_with_all_that_belongs_to_it(httpserver: HTTPServer) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response("{}", status=201, headers={"Location": "https://api.vendor.example/x/7", "Set-Cookie": "a=b"})

    httpserver.expect_request("/v1/orders", method="POST").respond_with_handler(answer)
    async with client(httpserver.url_for("").rstrip("/")) as http:
        told = await http.post(f"{ORIGIN}/v1/orders?a=1", json={"qty": "1"}, headers={"Authorization": "Bearer x"})
    assert (told.status_code, told.headers["location"]) == (201, "https://api.vendor.example/x/7")
    assert "set-cookie" not in told.headers
    [request] = seen
    assert (request.args["a"], request.json, request.headers["Authorization"]) == ("1", {"qty": "1"}, "Bearer x")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.vendor.example.evil.test/v1",
        "http://api.vendor.example/v1",
        "https://other.example/v1",
        "https://api.vendor.example:444/v1",
        "http://127.0.0.1:9/v1",
    ],
)
async def test_any_other_address_is_refused(httpserver: HTTPServer, url: str) -> None:
    async with client(httpserver.url_for("")) as http:
        with pytest.raises(VendorFailure, match="another address"):
            await http.get(url)


async def test_redirects_and_what_is_too_big_are_no_answers(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/away").respond_with_response(Response(status=302, headers={"Location": "/big"}))
    httpserver.expect_request("/big").respond_with_data("x" * 2_000)
    async with client(httpserver.url_for("").rstrip("/"), max_bytes=1_000) as http:
        for path in ("away", "big"):
            with pytest.raises(VendorFailure) as failure:
                await http.get(f"{ORIGIN}/{path}")
            assert (failure.value.kind, failure.value.vendor) == ("garbage", "Vendor")
            assert "127.0.0.1" not in failure.value.text


def test_an_address_names_its_host_and_port() -> None:
    assert destination_of("http://127.0.0.1:8080") == {("127.0.0.1", 8080)}
    assert destination_of("https://Api.Example") == {("api.example", 443)}
