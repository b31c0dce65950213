"""The settings of one server: address, models, access rules and limits."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from foveal.errors import UsageError
from foveal.text import printable

MiB = 1 << 20
METRICS_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names to prometheus_client the folder that the workers' metrics share."""
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")
_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[^/?#\s]+/?", re.IGNORECASE)
_MAX_SINGLE_IMAGE_THREADS = 8


@dataclass(frozen=True)
class ServerLimits:
    """Every limit of a server, on by default; counts are per worker process."""

    body_bytes: int = 16 * MiB
    header_bytes: int = 16 * 1024
    """Request line and headers."""
    multipart_parts: int = 64
    receive_seconds: float = 8.0
    """From the first byte of a request (or the connection) to its last."""
    send_seconds: float = 8.0
    """How long a client may leave a response unread."""
    idle_seconds: float = 30.0
    """Keep-alive: how long a connection may stay open between requests."""
    deadline_seconds: float = 10.0
    """From the last byte of a request to its response."""
    explain_seconds: float = 120.0
    connections: int = 1024
    queue_images: int = 64
    """Images accepted and not answered; above it requests get 503 with Retry-After."""
    buffered_bytes: int = 256 * MiB
    """Request bodies in memory at one time."""
    batch_size: int = 32
    batch_wait_seconds: float = 0.002
    """How long a batch waits for images that are being decoded; a single image never waits."""
    drain_seconds: float = 30.0
    """How long open requests may take after SIGTERM."""
    heartbeat_timeout_seconds: float = 4.0
    """A worker that sends no heartbeat for this long is killed and replaced."""
    batch_timeout_seconds: float = 60.0
    """A worker stops sending heartbeats when a batch takes this long."""


@dataclass(frozen=True)
class Settings:
    """One server: `models` maps a name to its file, the first is the default.

    allowed_hosts, allowed_origins: values of Host and Origin accepted beside the server's own.
    token: the bearer token, or None where none is required.
    decode_threads: threads of a worker that decode and predict.
    reload_interval_seconds: how often model files are checked for a change; 0 never.
    """

    models: dict[str, Path]
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    decode_threads: int = 2
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    reload_interval_seconds: float = 1.0
    quiet: bool = False
    limits: ServerLimits = ServerLimits()

    @property
    def inference_threads(self) -> int:
        """Threads a worker's network may use, so that all workers together use every core."""
        return max(1, (os.cpu_count() or 1) // self.workers)

    @property
    def single_image_threads(self) -> int:
        """Threads an exported network may use for a batch of one image."""
        return min(_MAX_SINGLE_IMAGE_THREADS, os.cpu_count() or 1)

    @property
    def cross_origins(self) -> frozenset[str]:
        """The allowed origins as browsers send them, in lower case."""
        return frozenset(origin.lower().rstrip("/") for origin in self.allowed_origins)

    def to_data(self) -> dict[str, Any]:
        """Plain data that `from_data` reads back."""
        return {**asdict(self), "models": {name: str(path) for name, path in self.models.items()}}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Settings:
        """The settings that `to_data` wrote."""
        values = {item.name: data[item.name] for item in fields(cls)}
        values["models"] = {name: Path(path) for name, path in data["models"].items()}
        values["allowed_hosts"] = tuple(data["allowed_hosts"])
        values["allowed_origins"] = tuple(data["allowed_origins"])
        values["limits"] = ServerLimits(**data["limits"])
        return cls(**values)


def check_access_names(hosts: Sequence[str], origins: Sequence[str]) -> None:
    """Raise UsageError for a host or an origin that no request can have."""
    for host in hosts:
        if not _HOST_NAME.fullmatch(host) and not is_ip_address(host):
            raise UsageError(
                f"--allow-host received '{printable(host)}': give the name or the IP address "
                "alone, without scheme, port and path, such as images.example"
            )
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise UsageError(
                f"--allow-origin received '{printable(origin)}': give scheme, name and a port that "
                "is not the default one, without a path, such as https://images.example"
            )


def is_ip_address(host: str) -> bool:
    """An IP address cannot be rebound; only names can."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def name_models(models: list[str | Path]) -> dict[str, Path]:
    """Name -> file of the arguments `FILE` or `NAME=FILE`.

    A file called model.* takes its folder's name, so that two runs can be served together.
    Raises UsageError on a duplicate name or one that is not valid in a URL.
    """
    named: dict[str, Path] = {}
    for argument in models:
        name, path = _split_name(argument)
        if not _MODEL_NAME.fullmatch(name):
            raise UsageError(
                f"the model name '{name}' of {path} is not valid in a URL: pass NAME={path} with "
                "a NAME of at most 64 letters, digits, '.', '_' and '-'"
            )
        if name in named:
            raise UsageError(
                f"two models are named '{name}', {named[name]} and {path}: pass another name for "
                "one of them with NAME=FILE"
            )
        named[name] = path
    return named


def _split_name(argument: str | Path) -> tuple[str, Path]:
    path = Path(argument)
    if isinstance(argument, str) and "=" in argument and not path.exists():
        name, _, file = argument.partition("=")
        return name, Path(file)
    # not resolved: a folder that is a link keeps its name, wherever it points
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100
    stem = folder.name if path.stem == "model" else path.stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-."), path
