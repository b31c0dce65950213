"""Makes thumbnails ahead, so that a grid that is scrolled finds them; slowly, and never beside a
training.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import numpy as np

from foveal.errors import Error
from foveal.studio.pixels import read_file
from foveal.studio.projects import Projects

LOOK_SECONDS = 1.0
"""Between two looks for images that have none."""
PAUSE = 4.0
"""Rests after a thumbnail this many times what it took: a fifth of one processor."""


class ThumbnailMaker:
    """A thread over the projects that are open."""

    def __init__(self, projects: Projects, is_busy: Callable[[], bool]) -> None:
        """is_busy: whether something else needs the processor."""
        self._projects, self._is_busy = projects, is_busy
        self._complete: dict[str, int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="thumbnails", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, before the projects are closed."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(LOOK_SECONDS)

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            for project in self._projects.opened():
                with contextlib.suppress(Error, OSError):  # removed meanwhile
                    self._make_missing(project)

    def _make_missing(self, name: str) -> None:
        """Thumbnails of one project until all are there or the processor is needed."""
        project, thumbnails = self._projects.get(name), self._projects.thumbnails(name)
        with project.lock:
            revision, present = project.revision, project.table.images.present()
        if self._complete.get(name) == revision:
            return
        for image in np.setdiff1d(present, thumbnails.ids()).tolist():
            if self._is_busy() or self._stopped.is_set():
                return
            began = time.perf_counter()
            with contextlib.suppress(Error):  # unreadable: told where it is looked at
                file, root = project.location(image)
                thumbnails.get_or_make(image, file, lambda: read_file(file, root))  # noqa: B023
            self._stopped.wait(PAUSE * (time.perf_counter() - began))
        self._complete[name] = revision
