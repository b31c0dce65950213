"""predict.py runs where Foveal cannot be imported, and what goes wrong is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.errors import Error
from foveal.exporting.pytorch.folder import write_folder
from foveal.exporting.pytorch.run import run_folder
from foveal.exporting.samples import ParitySamples, from_run
from foveal.model.model import load_model


@pytest.fixture
def folder(digits_run: Path, tmp_path: Path) -> Path:
    write_folder(tmp_path, load_model(digits_run / "model.safetensors"))
    return tmp_path


@pytest.fixture(scope="module")
def samples(digits_run: Path) -> ParitySamples:
    model = digits_run / "model.safetensors"
    return from_run(model, load_model(model).manifest)[0]


def few(samples: ParitySamples, *contents: bytes) -> ParitySamples:
    return ParitySamples(samples.pixels[: len(contents)], None, lambda index: contents[index])


def test_one_row_an_image_in_order(folder: Path, samples: ParitySamples) -> None:
    rows = run_folder(folder, samples)
    assert len(rows) == 100
    right = [int(row["label"]) for row in rows] == np.asarray(samples.targets)
    assert right.mean() > 0.8
    assert {len(row["top"]) for row in rows} == {10}
    assert not (folder / "__pycache__").exists()


def test_foveal_cannot_be_imported(folder: Path, samples: ParitySamples) -> None:
    with (folder / "preprocess.py").open("a") as file:
        file.write("\nimport foveal\n")
    with pytest.raises(Error) as caught:
        run_folder(folder, few(samples, samples.read(0)))
    assert str(caught.value) == (
        "predict.py of the exported folder, which is not kept, did not run: ModuleNotFoundError: "
        "import of foveal halted; None in sys.modules"
    )


def test_images_it_cannot_read(folder: Path, samples: ParitySamples) -> None:
    with pytest.raises(Error) as caught:
        run_folder(folder, few(samples, samples.read(0), b""))
    assert str(caught.value) == (
        "nothing was written: preprocess.py of the export cannot read 1 of 2 images (empty file): "
        "check on other images with --data"
    )


def test_a_program_that_stops(folder: Path, samples: ParitySamples) -> None:
    (folder / "predict.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(Error) as caught:
        run_folder(folder, few(samples, samples.read(0)))
    assert str(caught.value) == (
        "predict.py of the exported folder, which is not kept, did not run: status 3"
    )
