"""One image inside a Parquet table, read in place with its row group, or from a copy of that."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foveal.dataset.shards.local_copy import copy_path
from foveal.dataset.shards.row_group import read_copied_image, read_image, row_group_address
from foveal.errors import ImageError


@dataclass(frozen=True, slots=True)
class ParquetImage:
    """Where an image lies in a Parquet file: the leaf column, the row group, the row in it.

    file: the Parquet file, relative to the root of the data set; empty where that is the file.
    """

    kind: Literal["parquet"]
    column: str
    group: int
    row: int
    file: str = ""

    def stamp(self) -> str:
        """Text that changes when the image's place does (together with the file's own stamp)."""
        return f"{self.column}:{self.group}:{self.row}"

    def read(self, root: Path) -> bytes:
        """The bytes of the image; root: of the data set.

        Raises ImageError where there are none or the file is damaged.
        """
        path = str(root / self.file if self.file else root)
        copy = copy_path(row_group_address(path, self.column, self.group))
        if copy.is_file():
            with contextlib.suppress(ImageError):  # evicted just now
                return read_copied_image(copy, self.row)
        return read_image(path, self.column, self.group, self.row)
