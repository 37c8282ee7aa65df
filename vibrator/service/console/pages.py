"""Stub."""

from fastapi import APIRouter


def console_router(house, sessions):
    return APIRouter()
