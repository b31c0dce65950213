"""The classes and splits of dropped folders, read as folders of this machine are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from foveal.dataset.dataset import Dataset
from foveal.dataset.folders.folder import dataset_from_files
from foveal.dataset.folders.layout_tree import Folder
from foveal.dataset.folders.split_folders import split_of_folder
from foveal.dataset.listing import FolderListing, ListedFile, is_ignored, is_image_name
from foveal.dataset.types import Split
from foveal.studio.uploads.rows import class_name, layout_problem
from foveal.text import printable

_Files = Mapping[Folder, Sequence[str]]


class UploadPlace(NamedTuple):
    """What the images of one folder become."""

    label: str | None
    split: Split | None


@dataclass
class UploadLayout:
    """places: of each folder whose images are used.  ignored: paths of files that are not.

    whole: the dropped folders that are read so too where their path is named.
    """

    places: dict[str, UploadPlace] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_data(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "places": {path: place._asdict() for path, place in self.places.items()},
            "ignored": self.ignored,
            "whole": self.whole,
            "notes": [printable(note) for note in self.notes],
        }


def read_upload_layout(folders: Mapping[str, Sequence[str]]) -> UploadLayout:
    """How the folders of one drop are read.

    folders: the path of each folder, from the one that was dropped -> names of the files in it.
    Folders that were dropped together and are called as different splits are read as if they lay
    in one; every other one is read by itself, and where it has no folders it is a class.
    """
    tops: dict[str, dict[Folder, Sequence[str]]] = {}
    for path, names in folders.items():
        top, *inner = path.split("/")
        tops.setdefault(top, {})[tuple(inner)] = names
    splits = {top: split for top in tops if (split := split_of_folder(top))}
    together = splits if len(set(splits.values())) > 1 else {}
    layout = UploadLayout()
    if together:
        inside = {(top, *folder): names for top in together for folder, names in tops[top].items()}
        _read(layout, (), Path("+".join(together)), inside)
    for top, inside in tops.items():
        if top not in together:
            _read(layout, (top,), Path(top), inside)
    return layout


def _read(layout: UploadLayout, above: Folder, root: Path, folders: _Files) -> None:
    """Add how the folders below `above` are read; root: as which a sentence names them."""
    skipped, files = [], []
    for folder, names in folders.items():
        for name in names:
            parts = (*folder, name)
            if any(map(is_ignored, parts)):
                skipped.append("/".join(parts))
            else:
                files.append(ListedFile(parts))
    dataset = dataset_from_files(
        root, FolderListing(files, skipped, [each for each in folders if each])
    )
    places = _places(dataset)
    if places:
        layout.whole += above
        layout.notes += [*dataset.notes, *(note.text for note in dataset.layout_notes)]
    else:
        places = _places_without_classes(layout, dataset, above, files)
    layout.places.update({"/".join((*above, *folder)): place for folder, place in places.items()})
    unused = [
        file.path
        for file in files
        if file.parts[:-1] not in places or not is_image_name(file.parts[-1])
    ]
    layout.ignored += ["/".join((*above, path)) for path in (*unused, *skipped)]


def _places(dataset: Dataset) -> dict[Folder, UploadPlace]:
    return {
        tuple(path.split("/")[:-1]): UploadPlace(class_name(labels[0]), split)
        for path, labels, split in zip(dataset.paths, dataset.labels, dataset.splits, strict=True)
    }


def _places_without_classes(
    layout: UploadLayout, dataset: Dataset, above: Folder, files: Sequence[ListedFile]
) -> dict[Folder, UploadPlace]:
    """Where no folder is a class: the only folder names one, else the images have none."""
    folders = {file.parts[:-1] for file in files if is_image_name(file.parts[-1])}
    if len(folders) == 1 and above and not split_of_folder(above[0]):
        return dict.fromkeys(folders, UploadPlace(class_name(above[0]), None))
    layout.notes += layout_problem(dataset, (file.path for file in files))
    return {
        folder: UploadPlace(None, None if above else split_of_folder(folder[0]))
        for folder in folders
    }
