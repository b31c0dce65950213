"""Lens pages made in the studio, in a process of their own: the newest are kept for a while.

What explanations take, hundreds of megabytes for images of 224 px, goes back with that process,
which the next explanation finds started where it comes soon.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foveal.errors import UsageError
from foveal.files import write_atomic
from foveal.progress import Progress
from foveal.studio.tasks.process import one_at_a_time
from foveal.studio.tasks.tasks import TaskProgress
from foveal.studio.tasks.warm import WarmChild
from foveal.verbs.explain import explain

MAX_KEPT_PAGES = 3
"""A page may have 15 MB."""
FOLDER = "lenses"
"""Of the workspace."""


class Lenses:
    """Explains one image at a time and keeps the pages in `folder`. For several threads."""

    def __init__(self, folder: Path) -> None:
        """folder: is emptied, of what a studio that was killed has left."""
        shutil.rmtree(folder, ignore_errors=True)
        self._folder, self._child = folder, WarmChild("lens")
        self._working, self._lock = threading.Lock(), threading.Lock()
        self._keys: list[str] = []

    def make(self, model: Path, image: Path | bytes, progress: TaskProgress) -> str:
        """The key of a new page.

        Raises Error with the sentence of what failed, such as an image that cannot be read;
        Cancelled where a person ended it.
        """
        key = secrets.token_urlsafe(12)
        note = "waiting for another explanation"
        with (
            one_at_a_time(self._working, progress, "explaining", note),
            self._file(key, image) as path,
        ):
            named = {"image": str(path), "has_name": path is image}
            request = {"model": str(model), **named, "out": str(self._page_file(key))}
            self._child.run(request, progress)
        self._keep(key)
        return key

    def page(self, key: str) -> str:
        """The HTML of a page.  Raises UsageError where it is kept no longer."""
        try:
            if key in self._keys:
                return self._page_file(key).read_text(encoding="utf-8")
        except OSError:  # replaced meanwhile, or removed by somebody else
            pass
        raise UsageError("this explanation is kept no longer; make it again")

    def close(self) -> None:
        """End the process and remove the pages: the studio stops."""
        self._child.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self, key: str) -> None:
        with self._lock:
            self._keys = [*self._keys, key]
            replaced = self._keys[:-MAX_KEPT_PAGES]
            self._keys = self._keys[-MAX_KEPT_PAGES:]
        for each in replaced:
            self._page_file(each).unlink(missing_ok=True)

    def _page_file(self, key: str) -> Path:
        return self._folder / f"{key}.html"

    @contextlib.contextmanager
    def _file(self, key: str, image: Path | bytes) -> Iterator[Path]:
        """The file that a person has named, or one that bytes are written to meanwhile."""
        if isinstance(image, Path):
            yield image
            return
        path = self._folder / f"{key}.image"
        try:
            write_atomic(path, image)
            yield path
        finally:
            path.unlink(missing_ok=True)


def lens_job(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """`foveal explain` of `image` by `model`, the page into `out`, in the process of the work."""
    path = Path(request["image"])
    image = path if request["has_name"] else path.read_bytes()
    explain(request["model"], image, out=request["out"], progress=progress)
    return {}
