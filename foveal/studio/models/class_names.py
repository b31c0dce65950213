"""A run's model under the names that the classes of the project have today.

A run notes the id of each of its classes. Where one was renamed since, the model, data.json and the
table are copied into the folder `named` of the run with today's names: weights and outputs are the
same, and what is made of the copy (an export, a server, an explanation) says the new names.
Classes that were merged since cannot be one output of a file: there they stay apart, and where the
studio itself predicts their probabilities add up.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from foveal.errors import DataError, Error, ModelFileError
from foveal.files import write_atomic
from foveal.model.file import read_manifest
from foveal.model.labels import copy_with_labels
from foveal.rundir import DATA_FILE, MODEL_FILE, RunImage, read_run_data, write_run_data
from foveal.studio.kept import read_kept, size_and_time, unless_removed
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import CLASSES_FILE
from foveal.studio.runs.request import TABLE_FILE

FOLDER, NAMES_FILE = "named", "names.json"
_IDS = TypeAdapter(dict[str, int])
_FROZEN = ".frozen-"
_writing = threading.RLock()


class _Copied(TypedDict):
    """What the copies in the folder `named` were made of."""

    names: dict[str, str]
    stamps: list[list[int]]


_KIND = TypeAdapter(_Copied)


@dataclass(frozen=True)
class ClassNames:
    """Names by the class names that a model was trained with; only those that differ.

    file: of each class apart, as a file has them.  shown: of the class of the project that it is
    part of today: two classes that were merged have the same.
    """

    file: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)

    def today(self, label: str) -> str:
        """The name that is shown for a class of the model."""
        return self.shown.get(label, label)

    def together(self, labels: Iterable[str]) -> dict[str, str]:
        """Those of all trained classes that are one class today with another, to its name."""
        known = list(labels)
        counts = Counter(map(self.today, known))
        return {label: self.today(label) for label in known if counts[self.today(label)] > 1}

    def merged(self, labels: Iterable[str]) -> dict[str, str]:
        """As `together`, of the names that a file has."""
        together = self.together(labels)
        return {self.file.get(label, label): now for label, now in together.items()}


@dataclass(frozen=True)
class NamedRun:
    """folder: holds a run's model and data under today's names.  merged: as `ClassNames.merged`.

    labels: the classes of that model; none where they are not known.
    """

    folder: Path
    merged: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = field(default=(), compare=False)

    def check(self, labels: Iterable[str]) -> None:
        """Raise RenamedMeanwhile where a model has other classes than the run's had."""
        if self.labels and self.labels != tuple(labels):
            raise RenamedMeanwhile


class RenamedMeanwhile(Error):
    """The names of a run's classes were changed between two looks at it."""

    def __init__(self) -> None:
        super().__init__("classes were renamed or merged meanwhile; try again")


def class_names(project: Project, run: Path, labels: Iterable[str]) -> ClassNames:
    """What `labels`, the classes that a run was trained with, are called today.

    A class that was removed keeps its name, with an addition where another class has it now; so
    does one that the run has noted no id of.
    """
    known, labels = _noted(run), list(labels)
    ids = {name: known[name] for name in labels if name in known}
    with project.lock:
        classes = dict(project.table.classes)
        today = {name: project.table.class_today(number) for name, number in ids.items()}
    shown = {name: classes[number] for name, number in today.items() if number is not None}
    for name in labels:
        if name not in shown:
            shown[name] = _free(name, set(shown.values()))
    counts = Counter(shown.values())
    alone = [name for name in labels if counts[shown[name]] == 1 or today[name] == ids[name]]
    file = {name: shown[name] for name in alone}
    for name in labels:
        if name not in file:
            file[name] = _free(name, {*file.values(), *shown.values()})
    return ClassNames(_changed(file), _changed(shown))


def model_labels(model: Path) -> tuple[str, ...]:
    """The classes of a model file; none where there is no file that can be read."""
    try:
        return read_manifest(model).labels
    except (OSError, ModelFileError):  # whoever needs the model says what is wrong with it
        return ()


def run_names(project: Project, run: Path) -> ClassNames:
    """The same of all classes that a run has noted, also before it has a model."""
    return class_names(project, run, _noted(run))


def name_run(project: Project, run: Path) -> NamedRun:
    """The run under today's names: its own folder where they are those it was trained with.

    Raises Error where the copy cannot be made.
    """
    labels = model_labels(run / MODEL_FILE)
    names = class_names(project, run, labels)
    merged = names.merged(labels)
    named = tuple(names.file.get(label, label) for label in labels)
    if not names.file:
        return NamedRun(run, merged, named)
    with _writing, unless_removed(run):
        _copy(run, names.file)
    return NamedRun(run / FOLDER, merged, named)


@contextlib.contextmanager
def frozen_run(run: Path, find: Callable[[], Path]) -> Iterator[tuple[Path, Path]]:
    """The folder of a run's model that `find` gives, and one that has the same at this moment.

    find: as `name_run`.  The second keeps the names inside the block, whatever is renamed
    meanwhile.  Raises what `find` raises.
    """
    with tempfile.TemporaryDirectory(dir=run, prefix=_FROZEN) as new:
        with _writing:
            named = find()
            for name in (MODEL_FILE, DATA_FILE, TABLE_FILE):
                if (named / name).is_file():
                    _link(named / name, Path(new) / name)
        yield named, Path(new)


def _link(file: Path, new: Path) -> None:
    """The same content under another path: files of a run are replaced, never changed."""
    try:
        new.hardlink_to(file)
    except OSError:  # a disk without links
        shutil.copyfile(file, new)


def file_labels(project: Project, run: Path) -> list[str]:
    """The classes of a run's model in their order, as a file has them today; none without one."""
    labels = model_labels(run / MODEL_FILE)
    names = class_names(project, run, labels).file
    return [names.get(label, label) for label in labels]


def names_data(project: Project, run: Path) -> dict[str, Any]:
    """What became of the classes of a run's model since: [before, now] of each, for the page."""
    labels = model_labels(run / MODEL_FILE)
    names = class_names(project, run, labels)
    together = names.together(labels)
    return {
        "renamed": [[label, now] for label, now in names.shown.items() if label not in together],
        "merged": [[names.file.get(label, label), now] for label, now in together.items()],
    }


def _noted(run: Path) -> dict[str, int]:
    return read_kept(run / CLASSES_FILE, _IDS) or {}


def _copy(run: Path, names: dict[str, str]) -> None:
    """Bring the folder `named` up to date, where the names or the files have changed."""
    folder = run / FOLDER
    files = [run / name for name in (MODEL_FILE, DATA_FILE, TABLE_FILE)]
    made_of = {
        "names": names,
        "stamps": [size_and_time(file) if file.is_file() else [] for file in files],
    }
    if read_kept(folder / NAMES_FILE, _KIND) == made_of and (folder / MODEL_FILE).is_file():
        return
    folder.mkdir(exist_ok=True)
    (folder / NAMES_FILE).unlink(missing_ok=True)
    copy_with_labels(run / MODEL_FILE, folder / MODEL_FILE, names)
    data = read_run_data(run)
    if data is not None:
        write_run_data(
            folder,
            replace(
                data,
                classes=_renamed(data.classes, names),
                train=_images(data.train, names),
                val=_images(data.val, names),
                test=_images(data.test, names),
            ),
        )
    if (run / TABLE_FILE).is_file():
        table = _table(run / TABLE_FILE, names)
        write_atomic(folder / TABLE_FILE, table, make_folder=False)
    write_atomic(folder / NAMES_FILE, json.dumps(made_of), make_folder=False)


def _images(images: tuple[RunImage, ...], names: dict[str, str]) -> tuple[RunImage, ...]:
    return tuple(replace(image, labels=_renamed(image.labels, names)) for image in images)


def _table(table: Path, names: dict[str, str]) -> str:
    """The rows of a run's table with other names.  Raises DataError where no run wrote it."""
    try:
        with table.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        return "".join(
            json.dumps({**row, "label": list(_renamed(row["label"], names))}) + "\n" for row in rows
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{table} cannot be read; restore it from a copy") from error


def _renamed(labels: Iterable[str], names: dict[str, str]) -> tuple[str, ...]:
    return tuple(names.get(label, label) for label in labels)


def _changed(names: dict[str, str]) -> dict[str, str]:
    return {name: now for name, now in names.items() if now != name}


def _free(name: str, taken: set[str]) -> str:
    """`name`, or one that says that it is of former times where another class has it."""
    free, number = name, 1
    while free in taken:
        free = f"{name} (former)" if number == 1 else f"{name} (former {number})"
        number += 1
    return free
