"""From the upload to the ledger and back: each sample adds up, nothing is booked twice, an undo leaves nothing."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from redis.asyncio import Redis

from starkmatter.db.database import Database
from starkmatter.domain.money import to_cents
from starkmatter.portfolio.importing.service import read_again
from tests.portfolio.importing import SAMPLES, Importer, make_importer
from tests.portfolio.test_importers import WHOLE


@pytest.fixture
async def importer(database: Database, cache: Redis) -> AsyncIterator[Importer]:
    return await make_importer(database, cache)


@pytest.mark.parametrize(("name", "cash"), [(name, cash) for name, _, cash, *_ in WHOLE], ids=[one[0] for one in WHOLE])
async def test_each_sample_is_booked_to_what_its_cash_comes_to_and_taken_back_whole(
    name: str, cash: dict[str, str], database: Database, cache: Redis
) -> None:
    [(currency, comes_to)] = cash.items()
    importer = await make_importer(database, cache, currency=currency)
    read = await importer.read((SAMPLES / name).read_bytes())
    assert read.summary is not None
    if unnamed := read.summary["unnamed"]:
        names = {isin: f"X{number}" for number, (isin, _) in enumerate(unnamed)}
        await read_again(importer.b, importer.caller, read.id, symbols=names)
        await importer.work()
    booked = await importer.confirm(read.id)
    assert booked.state == "booked", booked.words
    assert booked.summary is not None
    assert await importer.cash() == Decimal(booked.summary["cash"])
    assert to_cents(sum((Decimal(cash) for _, _, _, cash in booked.summary["kinds"]), Decimal(0))) == Decimal(comes_to)
    await importer.promises_kept()
    held = await importer.held()
    again = await importer.read((SAMPLES / name).read_bytes())
    assert again.summary is not None
    assert again.summary["counts"]["booked"] == 0
    assert again.summary["counts"]["known"] >= booked.summary["counts"]["booked"]
    undone = await importer.undo(booked.id)
    assert undone.state == "undone", undone.words
    assert (await importer.cash(), await importer.held()) == (0, {})
    await importer.promises_kept()
    once_more = await importer.book((SAMPLES / name).read_bytes())
    assert once_more.state == "booked"
    assert await importer.held() == held
    await importer.promises_kept()
