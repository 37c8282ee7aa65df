"""What the service is told when it starts; the only place of it that reads the environment."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from vibrator.errors import BadInput, Refused

SECRETIVE = {"store", "cache", "catalogue"}  # whose values may hold a password


class Settings(BaseSettings):
    """Every field is also an environment variable: `port` is VIBRATOR_PORT."""

    model_config = SettingsConfigDict(env_prefix="VIBRATOR_", frozen=True, extra="forbid")

    store: str = "sqlite:///vibrator.db"
    cache: str | None = None
    catalogue: str | None = None
    encoder: str = "embedded"
    sliders: dict[str, str] = Field(default_factory=dict)  # for tenants that have none of their own
    require_consent: bool = False

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    keys_file: Path | None = None
    console: bool = True
    ltv_models: Path | None = None  # a folder with one lifetime value model a subfolder

    threads: int = Field(default=4, ge=1)
    queue: int = Field(default=256, ge=1)  # pieces of work that may wait; more are turned away
    max_body_bytes: int = Field(default=1_000_000, ge=1)
    max_upload_bytes: int = Field(default=50_000_000, ge=1)  # of a file of people to be valued
    header_seconds: float = Field(default=10.0, gt=0)
    request_seconds: float = Field(default=30.0, gt=0)
    shutdown_seconds: int = Field(default=30, ge=1)
    profile_seconds: float = Field(default=1.0, ge=0)  # how old another process's news may get here

    @classmethod
    def told(cls, **given: Any) -> Settings:
        """From what is given and the environment; what does not fit is refused by its name."""
        try:
            return cls(**given)
        except ValidationError as error:
            wrong = error.errors()[0]
            name = ".".join(map(str, wrong["loc"]))
            rule = wrong["msg"].replace("Input should", "must")
            value = "" if name in SECRETIVE else f", got {str(wrong['input'])[:80]!r}"
            raise BadInput(f"{name} (VIBRATOR_{name.upper()}) {rule}{value}") from None
        except SettingsError as error:
            raise BadInput(f"a VIBRATOR_… variable must be JSON: {error}") from None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host == "localhost" or _is_loopback(self.host)

    @property
    def store_shown(self) -> str:
        """The store without user and password.

        >>> Settings(store="postgresql://me:secret@db/app").store_shown
        'postgresql://db/app'
        """
        place = urlsplit(self.store).netloc
        return self.store.replace(place, place.rpartition("@")[2]) if place else self.store

    def refuse_open_doors(self) -> None:
        """Without keys the service must not be reachable from elsewhere."""
        if self.keys_file is None and not self.loopback:
            raise Refused(
                f"host {self.host!r} can be reached from elsewhere, and no keys are asked for: "
                "make one with `vibrator serve key`, then name --keys-file"
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
