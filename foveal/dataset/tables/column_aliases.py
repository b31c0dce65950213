"""What other tools call the columns path and label of a table: `filename`, `image`, `class`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from foveal.errors import DataError
from foveal.text import list_quoted

# fmt: off
ALIASES: dict[str, tuple[str, ...]] = {
    "path": (
        "path", "paths", "file", "files", "filename", "filenames", "filepath", "filepaths", "fname",
        "image", "images", "img", "imagename", "imagepath", "imagefile", "imagefilename",
        "imagefilepath", "imageid", "imgname", "imgpath", "imgfile", "imgid", "photo", "picture",
    ),
    "label": (
        "label", "labels", "class", "classes", "classname", "classlabel", "category", "categories",
        "categoryname", "target", "targets", "labelname", "imagelabel", "imageclass",
    ),
}
# fmt: on
"""Names in the spelling of `_key`, that of Foveal among them."""
FIRST_ALIAS = "file_name"
"""What the datasets library calls the column path: it goes before other aliases."""
BOXES = frozenset(("xmin", "ymin", "xmax", "ymax", "xcenter", "ycenter", "bbox"))
_NOT_A_LETTER = re.compile(r"[\W_]+")


def _key(name: str) -> str:
    return _NOT_A_LETTER.sub("", name).lower()


def is_alias(name: str) -> bool:
    """Whether a column of this name may mean path or label."""
    return any(_key(name) in aliases for aliases in ALIASES.values())


def apply_aliases(names: Sequence[str], source: str) -> tuple[list[str], list[str]]:
    """The names of columns with path and label where others mean them, and notes about those.

    Raises DataError where more than one column may be the one.
    """
    renamed, notes = list(names), []
    for wanted in ALIASES:
        chosen = _find(wanted, names, source)
        if chosen is not None:
            renamed[chosen] = wanted
            if names[chosen].lower() != FIRST_ALIAS:
                notes.append(f"in {source}: the column '{names[chosen]}' is read as {wanted}")
    return renamed, [*notes, *_box_note(names, source)]


def _find(wanted: str, names: Sequence[str], source: str) -> int | None:
    """The index of the column that means `wanted`; None where it is there or no name does."""
    if wanted in names:
        return None
    found = [index for index, name in enumerate(names) if _key(name) in ALIASES[wanted]]
    lower = [name.lower() for name in names]
    if wanted == "path" and FIRST_ALIAS in lower:
        return lower.index(FIRST_ALIAS)
    if len(found) > 1:
        listed = list_quoted(names[index] for index in found)
        raise DataError(
            f"{source} has no column '{wanted}' but {len(found)} that may be it: {listed}; call "
            f"the one that is '{wanted}'"
        )
    return found[0] if found else None


def _box_note(names: Sequence[str], source: str) -> list[str]:
    boxes = [name for name in names if _key(name) in BOXES]
    if not boxes:
        return []
    return [
        f"in {source}: the columns {list_quoted(boxes)} look like boxes around objects and are not "
        "used: a row's label is that of the whole image"
    ]
