"""Serves models over HTTP until a signal stops it; also the module a worker process runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import Error, ImageError, MissingExtra, ModelFileError, UsageError
from foveal.files import read_at_most
from foveal.model.detect import WEIGHTS_FILE, open_model_file
from foveal.progress import Progress, silent

if TYPE_CHECKING:
    from foveal.model.model import Model
    from foveal.serving.settings import ServerLimits, Settings
    from foveal.serving.state import ExplainFunction

EXTRA_PACKAGES = ("fastapi", "uvicorn", "httptools", "python_multipart", "prometheus_client")
"""What the extra `serve` installs."""
TOKEN_VARIABLE = "FOVEAL_TOKEN"  # noqa: S105  the name of the variable, not a token
_MIN_TOKEN_LENGTH = 16
_MAX_TOKEN_FILE_BYTES = 1 << 16
_MAX_DEFAULT_WORKERS = 8


def serve(
    models: Sequence[str | Path] | str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: int | None = None,
    token_file: str | Path | None = None,
    allowed_hosts: tuple[str, ...] = (),
    allowed_origins: tuple[str, ...] = (),
    limits: ServerLimits | None = None,
    quiet: bool = False,
    progress: Progress = silent,
) -> int:
    """Serve `models` (files, or NAME=FILE) until SIGTERM or Ctrl-C; returns 143 or 130.

    workers: processes; None: one per core, at most 8.  token_file: contains the bearer token;
    default: the environment variable FOVEAL_TOKEN, else none is required.
    limits: every limit, with defaults.  quiet: log warnings and errors only.
    progress: receives the URL as a message when the server is ready.  SIGHUP, or a new file in
    a model's place, reloads the model without a failed request.
    Raises MissingExtra without the extra `serve`, UsageError for a host or an origin that no
    request can have, Error where the port is in use, ModelFileError where a model does not load.
    """
    if not all(map(find_spec, EXTRA_PACKAGES)):
        raise MissingExtra("foveal serve", "serve")
    if os.name == "nt":
        raise Error("foveal serve cannot share a socket on Windows: run it under WSL")
    from foveal.serving.logs import Log
    from foveal.serving.processes.child import worker_command
    from foveal.serving.processes.supervisor import Supervisor
    from foveal.serving.settings import (
        ServerLimits,
        Settings,
        check_access_names,
        name_models,
    )

    check_access_names(allowed_hosts, allowed_origins)
    arguments = [models] if isinstance(models, str | Path) else list(models)
    settings = Settings(
        models={name: _model_path(path) for name, path in name_models(arguments).items()},
        host=host,
        port=port,
        workers=workers or min(_MAX_DEFAULT_WORKERS, os.cpu_count() or 1),
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
        token=_read_token(token_file),
        quiet=quiet,
        limits=limits or ServerLimits(),
    )
    _warn_if_open(settings, progress)
    return Supervisor(
        settings,
        worker_command("foveal.verbs.serve"),
        Log(quiet=quiet),
        lambda url: progress.message(f"serving on {url} (Ctrl-C stops it)"),
    ).run()


def _warn_if_open(settings: Settings, progress: Progress) -> None:
    from foveal.serving.settings import LOOPBACK_HOSTS

    if settings.host not in LOOPBACK_HOSTS and settings.token is None:
        progress.message(
            f"warning: anyone who can reach {settings.host} can use this server; set "
            f"{TOKEN_VARIABLE} or pass --token-file to require a token"
        )


def _model_path(path: Path) -> Path:
    if path.is_dir():  # of an exported folder its weights are watched
        open_model_file(path).close()
        path = path / WEIGHTS_FILE
    if not path.is_file():
        raise ModelFileError(
            f"model file {path} does not exist: pass a file that train or export wrote"
        )
    return path.absolute()  # not resolved: a link that is changed later points to a new model


def _read_token(file: str | Path | None) -> str | None:
    if file is None:
        token, source = os.environ.get(TOKEN_VARIABLE), f"the environment variable {TOKEN_VARIABLE}"
        if token is None:
            return None
    else:
        source = f"the file {file}"
        try:
            token = read_at_most(Path(file), _MAX_TOKEN_FILE_BYTES).decode().strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(
                f"cannot read the token file {file}: {reason}; give a text file"
            ) from error
    printable = token.isascii() and token.isprintable() and " " not in token
    if len(token) < _MIN_TOKEN_LENGTH or not printable:
        raise UsageError(
            f"the token in {source} must have at least {_MIN_TOKEN_LENGTH} printable ASCII "
            "characters and no spaces: generate one with  openssl rand -hex 32"
        )
    return token


def _explain_function() -> ExplainFunction | None:
    """Explains an image with a native model, where torch is installed."""
    return _explain if find_spec("torch") else None


def _explain(model: Model, image: bytes, language: str) -> str:
    """The lens page.  A model that is no file shows no training image of a folder."""
    import tempfile

    from foveal.verbs.explain import explain

    own = replace(model, module=deepcopy(model.module))  # others predict with it meanwhile
    with tempfile.TemporaryDirectory(prefix="foveal-explain-") as folder:
        page = Path(folder, "lens.html")
        try:
            explain(own, image, out=page, lang="ko" if language == "ko" else "en")
        except Error as error:
            if isinstance(error.__cause__, ImageError):
                raise error.__cause__ from None
            raise
        return page.read_text(encoding="utf-8")


def worker() -> int:
    """Run one worker process; see foveal.serving.processes.worker."""
    from foveal.serving.processes.worker import run_server_worker

    return run_server_worker(_explain_function())


if __name__ == "__main__":
    sys.exit(worker())
