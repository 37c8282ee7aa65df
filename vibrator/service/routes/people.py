"""People: what is known of them, what they agreed to, and their going."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from vibrator.service.answers import ConsentTold, Export, Forgotten, Person, Users
from vibrator.service.bodies import ConsentIn
from vibrator.service.house import answer, desk_of, house_of
from vibrator.service.keys import ADMIN, READ, WRITE
from vibrator.service.reading import read
from vibrator.service.schemas import documented

router = APIRouter(prefix="/v1/users", tags=["people"])
UserId = Annotated[str, Path(min_length=1, max_length=200, pattern=r"\S", examples=["ada"])]


@router.get("", **documented(Users))
async def users(
    request: Request,
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Ids of everybody in the log, in the store's order, a page at a time."""
    store = desk_of(request, READ).store

    def page() -> list[str]:
        return list(islice(store.users(after), limit))

    return answer(Users(users=await house_of(request).lane.run(page)))


@router.get("/{user_id:path}/export", **documented(Export))
async def export(request: Request, user_id: UserId) -> Response:
    """Everything that is kept of somebody."""
    written = request.scope.get("raw_path", b"/export")
    if not written.endswith(b"/export"):  # the slash was encoded, and so is one of the id
        return await user(request, f"{user_id}/export")
    desk = desk_of(request, ADMIN)
    kept = await house_of(request).lane.run(desk.app.export, user_id)
    profile = msgspec.convert(kept.pop("profile"), Person)
    return answer(Export(profile=profile, **kept))  # a kind that it cannot name is no answer


@router.get("/{user_id:path}", **documented(Person))
async def user(request: Request, user_id: UserId) -> Response:
    """What is known of somebody: sliders nearest to them, actions that weigh most."""
    desk = desk_of(request, READ)
    portrait = await house_of(request).lane.run(desk.app.profile, user_id)
    return answer(msgspec.convert(portrait.to_dict(), Person))


@router.delete("/{user_id:path}", **documented(Forgotten))
async def forget(request: Request, user_id: UserId) -> Response:
    """Leave nothing of somebody behind; the receipt says what was done."""
    desk = desk_of(request, ADMIN)
    receipt = await house_of(request).lane.run(desk.app.forget, user_id)
    desk.readings.clear()
    return answer(msgspec.convert(receipt.to_dict(), Forgotten))


@router.put(
    "/{user_id:path}/consent",
    **documented(
        ConsentTold, asked=ConsentIn, example={"granted": True, "purpose": "personalization"}
    ),
)
async def consent(request: Request, user_id: UserId) -> Response:
    """A yes or no to a purpose; a no is always honoured."""
    desk = desk_of(request, WRITE)
    told = await read(request, ConsentIn)
    await house_of(request).lane.run(
        desk.app.set_consent, user_id, told.purpose, told.granted, told.until
    )
    return answer(ConsentTold(user_id=user_id, purpose=told.purpose, granted=told.granted))
