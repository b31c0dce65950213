"""The files of the exported folder but its README: source, weights, labels."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from foveal import __version__
from foveal.exporting.parity import Parity
from foveal.model.detect import WEIGHTS_FILE
from foveal.model.manifest import Manifest
from foveal.model.model import Model, save_model
from foveal.network.codegen import pytorch_source
from foveal.text import plural

_TEMPLATES = f"{__package__}.templates"


def write_folder(folder: Path, model: Model) -> None:
    """Write the files that predict into `folder`, which exists."""
    manifest = model.manifest
    save_model(folder / WEIGHTS_FILE, model)
    _write(folder / "network.py", network_source(manifest))
    _write(folder / "preprocess.py", preprocess_source(manifest))
    _write(folder / "labels.json", json.dumps(settings(manifest), ensure_ascii=False, indent=1))
    for name in ("predict.py", "requirements.txt"):
        _write(folder / name, _template(name))


def write_readme(folder: Path, manifest: Manifest, parity: Parity) -> None:
    """Write what the folder holds and what its parity check found."""
    height, width, channels = manifest.network.input.shape
    weights = {
        key: manifest.weights[key] for key in ("source", "licence") if key in manifest.weights
    }
    text = _template("README.md").format(
        classes=f"A model of {plural(len(manifest.labels), 'class', 'classes')}",
        version=__version__,
        shape=f"({height}, {width}, {channels})",
        verdict=_verdict(parity),
        weights="".join(f"\nWeights: {key} {value}." for key, value in weights.items()),
    )
    _write(folder / "README.md", f"{text.rstrip()}\n")


def network_source(manifest: Manifest) -> str:
    """network.py."""
    return pytorch_source(
        manifest.network, len(manifest.labels), task=manifest.task, weights_file=WEIGHTS_FILE
    )


def preprocess_source(manifest: Manifest) -> str:
    """preprocess.py: the template with the values of the model."""
    network = manifest.network
    preprocess = network.preprocess
    source = _template("preprocess.py")
    for name, value in {
        "HEIGHT, WIDTH, CHANNELS": "{}, {}, {}".format(*network.input.shape),
        "FIT": f'"{preprocess.fit}"',
        "CROP_FRACTION": repr(preprocess.crop_fraction),
        "INTERPOLATION": f'"{preprocess.interpolation}"',
        "BACKGROUND": repr(preprocess.background),
        "RANGE: tuple[float, float] | None": repr(preprocess.range),
    }.items():
        pattern = rf"^({re.escape(name)}) = .*?(  #.*)?$"
        source, count = re.subn(pattern, rf"\1 = {value}\2", source, flags=re.MULTILINE)
        assert count == 1, name
    return source


def settings(manifest: Manifest) -> dict[str, Any]:
    """labels.json: the classes and what turns logits into predictions."""
    return {
        "labels": manifest.labels,
        "task": manifest.task,
        "activation": manifest.activation,
        "temperature": manifest.temperature,
        "flip_average": manifest.network.preprocess.flip_average,
        "thresholds": manifest.thresholds.model_dump(mode="json"),
    }


def _verdict(parity: Parity) -> str:
    accuracy = (
        ""
        if parity.accuracy_exported is None
        else f", accuracy {parity.accuracy_exported:.4f} (original {parity.accuracy_native:.4f})"
    )
    return (
        f"Checked on {plural(parity.n, 'image')} before it was written: the same prediction on "
        f"{parity.agreement:.2%}, probabilities differ by at most "
        f"{parity.max_probability_gap:.2g}{accuracy}."
    )


def _template(name: str) -> str:
    return resources.files(_TEMPLATES).joinpath(name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
