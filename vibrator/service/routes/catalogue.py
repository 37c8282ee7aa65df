"""Items and sliders, each with a version that changes with its words."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response

from vibrator.errors import UnknownName
from vibrator.service.answers import ItemOut, Items, Removed, SliderOut, Sliders
from vibrator.service.bodies import MOST_ITEMS, ItemIn, SliderIn
from vibrator.service.desk import Desk
from vibrator.service.house import answer, desk_of, house_of
from vibrator.service.keys import ADMIN, READ, WRITE
from vibrator.service.problems import Problem
from vibrator.service.reading import read, read_many
from vibrator.service.schemas import documented
from vibrator.sliders import VERSION_DIGITS, Slider, SliderVector
from vibrator.stores import Item
from vibrator.stores.journal import dump

router = APIRouter(prefix="/v1", tags=["catalogue"])
Name = Annotated[str, Path(min_length=1, max_length=200, pattern=r"\S", examples=["depth"])]
IfMatch = Annotated[str | None, Header(max_length=100)]
ITEM = {"item_id": "grpc", "text": "a deep guide to gRPC", "attributes": {"lang": "en"}}


@router.put("/items", **documented(Items, asked=ItemIn | list[ItemIn], example=ITEM))
async def put_items(request: Request) -> Response:
    """Keep content that may be shown, one item or many; a known id is replaced."""
    desk = desk_of(request, WRITE)
    listed = await read_many(request, "items", ItemIn)
    items = [Item(item_id=i.item_id, text=i.text, attributes=i.attributes) for i in listed]
    house = house_of(request)
    house.metrics.asked.inc(len(items))
    await house.lane.run(desk.app.add_items, items)
    return answer(Items(items=[item_out(item) for item in items]))


@router.get("/items", **documented(Items))
async def get_items(
    request: Request, item_id: Annotated[list[str], Query(min_length=1, max_length=MOST_ITEMS)]
) -> Response:
    """Items by their ids; unknown ids are left out."""
    desk = desk_of(request, READ)
    found = await house_of(request).lane.run(desk.store.catalogue.read, item_id)
    return answer(Items(items=[item_out(item) for item in found if item is not None]))


@router.get("/items/{item_id:path}", **documented(ItemOut))
async def get_item(request: Request, item_id: Name) -> Response:
    """One item."""
    desk = desk_of(request, READ)
    item = item_out(await house_of(request).lane.run(_item, desk, item_id))
    return answer(item, headers={"ETag": f'"{item.version}"'})


@router.delete("/items/{item_id:path}", **documented(Removed))
async def delete_item(request: Request, item_id: Name, if_match: IfMatch = None) -> Response:
    """Remove an item; with If-Match only that version."""
    desk = desk_of(request, WRITE)
    run = house_of(request).lane.run
    item = await run(_item, desk, item_id)
    _require_version(if_match, item_out(item).version)
    await run(desk.app.remove_items, [item_id])
    return answer(Removed(removed=item_id))


@router.get("/sliders", **documented(Sliders))
async def get_sliders(request: Request) -> Response:
    """Every slider with its version."""
    desk = desk_of(request, READ)
    return answer(Sliders(sliders=[slider_out(n, s) for n, s in desk.sliders.items()]))


@router.get("/sliders/{name:path}", **documented(SliderOut))
async def get_slider(request: Request, name: Name) -> Response:
    """One slider."""
    found = slider_out(name, _slider(desk_of(request, READ), name))
    return answer(found, headers={"ETag": f'"{found.version}"'})


@router.put(
    "/sliders/{name:path}",
    **documented(SliderOut, asked=SliderIn, example={"text": "detailed technical documentation"}),
)
async def put_slider(request: Request, name: Name, if_match: IfMatch = None) -> Response:
    """Make a slider, or give it new words: a new version, to be calibrated anew."""
    desk = desk_of(request, ADMIN)
    told = await read(request, SliderIn)
    if if_match is not None:
        await house_of(request).lane.run(desk.renew)
        _require_version(if_match, _slider(desk, name).version)
    slider = Slider(told.text, told.opposite)
    await house_of(request).lane.run(desk.put_slider, name, slider)
    return answer(slider_out(name, slider), headers={"ETag": f'"{slider.version}"'})


@router.delete("/sliders/{name:path}", **documented(Removed))
async def delete_slider(request: Request, name: Name, if_match: IfMatch = None) -> Response:
    """Take a slider away; the last one stays."""
    desk = desk_of(request, ADMIN)
    await house_of(request).lane.run(desk.renew)
    _require_version(if_match, _slider(desk, name).version)
    await house_of(request).lane.run(desk.remove_slider, name)
    return answer(Removed(removed=name))


def item_out(item: Item) -> ItemOut:
    """An item as the API tells it."""
    attributes = dict(item.attributes)
    words = dump([item.text, sorted(attributes.items())]).encode()
    version = hashlib.sha256(words).hexdigest()[:VERSION_DIGITS]
    return ItemOut(item_id=item.item_id, text=item.text, attributes=attributes, version=version)


def slider_out(name: str, slider: Slider | SliderVector) -> SliderOut:
    """A slider as the API tells it; one that is a direction has no words."""
    text = slider.text if isinstance(slider, Slider) else ""
    opposite = slider.opposite if isinstance(slider, Slider) else None
    return SliderOut(name=name, text=text, opposite=opposite, version=slider.version)


def _item(desk: Desk, item_id: str) -> Item:
    item: Item | None = desk.store.catalogue.read([item_id])[0]
    if item is None:
        raise UnknownName(f"no item {item_id!r} in the catalogue")
    return item


def _slider(desk: Desk, name: str) -> Slider | SliderVector:
    if name not in desk.sliders:
        raise UnknownName(f"no slider {name!r}; known: {list(desk.sliders)}")
    return desk.sliders[name]


def _require_version(wanted: str | None, version: str) -> None:
    if wanted is not None and wanted.strip('"') not in {version, "*"}:
        raise Problem(412, "another version", f"If-Match must be {version!r}, got {wanted!r}")
