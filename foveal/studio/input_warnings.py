"""What inputs of networks lose of a project's images, kept for each input."""

from __future__ import annotations

import threading

from foveal.dataset.dataset import Dataset
from foveal.dataset.input_fit import input_warnings
from foveal.errors import ImageError
from foveal.spec.preprocess import Input
from foveal.studio.projects import Projects

SAMPLED_IMAGES = 16
"""Looked at while a person types: a photo of 3,000 pixels takes some 20 ms."""
_MAX_KEPT = 64


class InputWarnings:
    """For several threads."""

    def __init__(self, projects: Projects) -> None:
        self._projects = projects
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int, Input], tuple[str, ...]] = {}

    def of(self, project: str, input: Input) -> tuple[str, ...]:
        """The sentences for a project and an input.  Raises as `Projects.get`."""
        opened = self._projects.get(project)
        with opened.lock:
            images = opened.table.images.usable().nonzero()[0].tolist()
        key = (project, len(images), input)
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = self._look(project, images, input)
            with self._lock:
                if len(self._known) >= _MAX_KEPT:
                    self._known.clear()
                self._known[key] = found
        return found

    def _look(self, project: str, images: list[int], input: Input) -> tuple[str, ...]:
        step = max(1, len(images) // SAMPLED_IMAGES)
        paths = []
        for image in images[::step][:SAMPLED_IMAGES]:
            try:
                paths.append(self._projects.image_path(project, image))
            except ImageError:
                continue
        if not paths:
            return ()
        dataset = Dataset(
            root=paths[0].parent, paths=tuple(map(str, paths)), labels=((),) * len(paths)
        )
        return tuple(input_warnings(dataset, range(len(paths)), input, most=SAMPLED_IMAGES))
