"""What a server is told: where it listens, which models, who may ask, and every bound.

Knows nothing of sockets, HTTP or images.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from foveal.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MiB = 1 << 20


@dataclass(frozen=True)
class ServerLimits:
    """Every bound of a server, on by default; seconds, bytes, or counts a worker process."""

    body_bytes: int = 16 * MiB
    head_bytes: int = 16 * 1024
    parts: int = 64
    receive_seconds: float = 8.0
    """From the first byte of a request (or the connection) until its last byte is here."""
    send_seconds: float = 8.0
    """How long a client may leave an answer unread."""
    idle_seconds: float = 30.0
    """How long a connection that has been answered may stay open without a request."""
    deadline_seconds: float = 10.0
    """From a request's last byte to its answer."""
    explain_seconds: float = 120.0
    connections: int = 1024
    queue: int = 64
    """Images accepted and not answered; beyond it requests get 503 with Retry-After."""
    buffered_bytes: int = 256 * MiB
    """Bodies held at one time."""
    batch: int = 32
    wait_seconds: float = 0.002
    """How long a batch waits for images that are being decoded; alone, an image never waits."""
    drain_seconds: float = 30.0
    stuck_seconds: float = 4.0
    """A worker whose event loop says nothing for so long is killed and replaced."""
    batch_stuck_seconds: float = 60.0
    """A worker whose batch takes so long is killed and replaced."""


@dataclass(frozen=True)
class Settings:
    """One server: `models` maps a name to its file, the first is the default.

    hosts, origins: what Host and Origin may say beside the address the server listens on.
    token: the bearer token, or None where anyone who reaches the port may ask.
    threads: decoding threads a worker.  watch_seconds: how often files are looked at, 0 never.
    """

    models: dict[str, Path]
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    threads: int = 2
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    watch_seconds: float = 1.0
    quiet: bool = False
    limits: ServerLimits = ServerLimits()

    @property
    def network_threads(self) -> int:
        """Threads a worker's network may use, so that all workers together use every core."""
        return max(1, (os.cpu_count() or 1) // self.workers)

    @property
    def alone_threads(self) -> int:
        """Threads an exported network may use for an image that comes alone."""
        return min(8, os.cpu_count() or 1)

    def to_data(self) -> dict[str, Any]:
        """Plain data that `settings_from` reads back."""
        return {**asdict(self), "models": {name: str(path) for name, path in self.models.items()}}


def settings_from(data: dict[str, Any]) -> Settings:
    """The settings that `to_data` wrote."""
    known = {item.name: data[item.name] for item in fields(Settings)}
    known["models"] = {name: Path(path) for name, path in data["models"].items()}
    known["hosts"], known["origins"] = tuple(data["hosts"]), tuple(data["origins"])
    known["limits"] = ServerLimits(**data["limits"])
    return Settings(**known)


def name_models(models: list[str | Path]) -> dict[str, Path]:
    """Name -> file for what a person gave: `FILE`, or `NAME=FILE`.

    A file called model.* takes its folder's name, so that two runs can be served together.
    Raises UsageError on a name given twice or one that does not fit into an address.
    """
    found: dict[str, Path] = {}
    for given in models:
        name, path = _named(given)
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"the model name '{name}' of {path} does not fit into an address: give "
                f"NAME={path} with a NAME of at most 64 letters, digits, '.', '_' and '-'"
            )
        if name in found:
            raise UsageError(
                f"two models are called '{name}', {found[name]} and {path}: give one of them "
                "another name with NAME=FILE"
            )
        found[name] = path
    return found


def _named(given: str | Path) -> tuple[str, Path]:
    path = Path(given)
    if isinstance(given, str) and "=" in given and not path.exists():
        name, _, file = given.partition("=")
        return name, Path(file)
    if path.stem == "model":
        return re.sub(r"[^A-Za-z0-9._-]+", "-", path.resolve().parent.name).strip("-."), path
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-."), path
