"""The command line that trains the best trial of a search again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from foveal.model.file import read_manifest
from foveal.pretrained.start import AUTO, SCRATCH
from foveal.rundir import MODEL_FILE, NETWORK_FILE, RECIPE_FILE


@dataclass(frozen=True)
class Source:
    """What every trial of a search has in common: its data and where training starts."""

    data: str | Path
    root: str | Path | None = None
    start_from: str | Path = AUTO


def train_command(folder: Path, source: Source, seed: int) -> str:
    """`foveal train ...` with the network and the recipe in `folder`, for a shell.

    The recipe has the epochs that were planned, so that the run does not depend on the clock.
    Raises ModelFileError where the model in the folder is needed and cannot be read.
    """
    start = str(source.start_from)
    if start == AUTO:  # with a network that is named, auto is from scratch
        start = read_manifest(folder / MODEL_FILE).weights.get("name", SCRATCH)
    words = ["foveal", "train", str(source.data)]
    words += [] if source.root is None else ["--root", str(source.root)]
    words += [] if start == SCRATCH else ["--from", start]
    words += ["--network", str(folder / NETWORK_FILE), "--recipe", str(folder / RECIPE_FILE)]
    return shlex.join([*words, "--seed", str(seed)])
