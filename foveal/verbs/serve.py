"""Serves models over HTTP until told to stop; also what a worker process runs.

Knows nothing of how requests are answered; it joins the server with the lens.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import Error, ImageError, MissingExtra, ModelFileError, UsageError

if TYPE_CHECKING:
    from foveal.serving.settings import ServerLimits
    from foveal.serving.state import Explain

PACKAGES = ("fastapi", "uvicorn", "httptools", "python_multipart", "prometheus_client")
"""What the extra `serve` brings."""
TOKEN = "FOVEAL_TOKEN"  # noqa: S105  the name of the variable, no token
_SHORTEST = 16
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _silent(_text: str) -> None:
    return


def serve(
    models: Sequence[str | Path] | str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: int | None = None,
    token_file: str | Path | None = None,
    hosts: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    limits: ServerLimits | None = None,
    quiet: bool = False,
    listening: Callable[[str], None] = _silent,
    warn: Callable[[str], None] = _silent,
) -> int:
    """Serve `models` (files, or NAME=FILE) until SIGTERM or Ctrl-C; 143 or 130.

    workers: processes, None for one a core (at most 8).  token_file: holds the bearer token; else
    the environment's FOVEAL_TOKEN; else none is asked for.  limits: every bound, with defaults.
    listening: called with the URL once it answers.  SIGHUP, or a new file in a model's place,
    swaps the model without a failed request.
    Raises MissingExtra without the extra `serve`, Error where the port is in use, ModelFileError
    where a model does not load.
    """
    if not all(map(find_spec, PACKAGES)):
        raise MissingExtra("foveal serve", "serve")
    if os.name == "nt":
        raise Error("foveal serve cannot share a socket on Windows: run it under WSL")
    from foveal.serving.logs import Log
    from foveal.serving.settings import ServerLimits, Settings, name_models
    from foveal.serving.supervisor import Supervisor, worker_command

    given = [models] if isinstance(models, str | Path) else list(models)
    found = {name: _file(path) for name, path in name_models(given).items()}
    settings = Settings(
        models=found,
        host=host,
        port=port,
        workers=workers or min(8, os.cpu_count() or 1),
        hosts=hosts,
        origins=origins,
        token=_token(token_file),
        quiet=quiet,
        limits=limits or ServerLimits(),
    )
    if host not in _LOOPBACK and settings.token is None:
        warn(
            f"warning: everyone who reaches {host} can use this server; set {TOKEN} or give "
            "--token-file to ask for a token"
        )
    command = worker_command("foveal.verbs.serve")
    return Supervisor(settings, command, Log(quiet=quiet), listening).run()


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ModelFileError(
            f"there is no model file {path}: give a file that train or export wrote"
        )
    return path.absolute()  # a link stays one: the file it is pointed to next is served next


def _token(file: str | Path | None) -> str | None:
    if file is None:
        token, where = os.environ.get(TOKEN), f"the environment's {TOKEN}"
        if token is None:
            return None
    else:
        where = str(file)
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"the token file {file} cannot be read: give a text file") from None
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            f"the token of {where} must be at least {_SHORTEST} ASCII letters, digits or signs "
            "without spaces; make one with  openssl rand -hex 32"
        )
    return token


def _explanation() -> Explain | None:
    """What explains an image with a native model, where torch is installed."""
    return _explain if find_spec("torch") else None


def _explain(model: Path, image: bytes, lang: str) -> str:
    """The lens as one page.  Opened as a value, so that no training image beside it is shown."""
    import tempfile

    from foveal.model.model import load
    from foveal.verbs.explain import explain

    with tempfile.TemporaryDirectory(prefix="foveal-explain-") as folder:
        page = Path(folder, "lens.html")
        try:
            explain(load(model), image, out=page, lang="ko" if lang == "ko" else "en")
        except Error as error:
            if isinstance(error.__cause__, ImageError):
                raise error.__cause__ from None
            raise
        return page.read_text(encoding="utf-8")


def worker() -> int:
    """Be one worker process of a server; see foveal.serving.worker."""
    from foveal.serving.worker import run

    return run(_explanation())


if __name__ == "__main__":
    sys.exit(worker())
