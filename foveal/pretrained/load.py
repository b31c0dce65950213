"""Loads pretrained weights by name or file, and makes a Model of a weights file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from foveal import cache
from foveal.errors import MissingExtra, ModelFileError, UsageError
from foveal.pretrained.catalog import (
    CATALOG,
    MODEL_FILE,
    PretrainedModel,
    cache_entry,
    catalog_model,
    find_installed,
)
from foveal.pretrained.labels import IMAGENET_CLASSES, imagenet_labels
from foveal.text import plural

if TYPE_CHECKING:
    from torch import Tensor

    from foveal.model.model import Model
    from foveal.pretrained.mapping import Candidate


def load_pretrained(name: str | Path) -> Model:
    """The Model of a catalog name whose weights are installed, or of any native model file.

    The module is on the CPU in evaluation mode.  Raises UsageError for a name that is not known or
    not installed (with the line that brings it), ModelFileError for a damaged or altered file,
    MissingExtra without torch.
    """
    if find_spec("torch") is None:
        raise MissingExtra("opening pretrained weights", "train")
    from foveal.model.model import load_model

    cached = cache_entry(str(name)) / MODEL_FILE
    if isinstance(name, str) and "/" not in name and cached.is_file():
        cache.touch(cached.parent)
        return load_model(cached)
    if str(name) in CATALOG:
        return _load_packaged(CATALOG[str(name)])
    path = Path(name)
    if not path.is_file():
        catalog_model(str(name))
    return load_model(path)


def _load_packaged(known: PretrainedModel) -> Model:
    path = find_installed(known.name)
    if path is None:
        raise UsageError(
            f"the weights of {known.name} are not installed; bring them with  {known.install_line}"
        )
    return read_known(known, path)


def read_known(known: PretrainedModel, path: Path) -> Model:
    """The Model of a catalog entry from its published file; SHA-256 and outputs are checked.

    Raises ModelFileError where the file is not the published one, byte for byte.
    """
    from foveal.pretrained.identification import identify
    from foveal.pretrained.weights_file import file_sha256, read_weights

    if file_sha256(path) != known.sha256:
        raise ModelFileError(
            f"{path} is not the published file of {known.name}: its SHA-256 differs, so it was not "
            f"read; install it again with  {known.install_line}"
        )
    tensors = read_weights(path)
    candidate = with_protocol(identify(tensors, path, known.preset, known.naming), known)
    return make_model(candidate, tensors, path, imagenet_labels(), known_weights(known))


def with_protocol(candidate: Candidate, known: PretrainedModel) -> Candidate:
    """The candidate whose images are resized and cropped as for the published accuracy."""
    preprocess = candidate.network.preprocess.model_copy(
        update={"crop_fraction": known.crop_fraction, "interpolation": known.interpolation}
    )
    network = candidate.network.model_copy(update={"preprocess": preprocess})
    return replace(candidate, network=network)


def known_weights(known: PretrainedModel) -> dict[str, str]:
    """What a model file tells of published weights."""
    return {
        "name": known.name,
        "source": known.source,
        "licence": known.licence,
        "sha256": known.sha256,
        "naming": known.naming,
        "top1_percent": f"{known.top1_percent:g}",
        "trained_on": "ImageNet-1k",
    }


def make_model(
    candidate: Candidate,
    tensors: Mapping[str, Tensor],
    path: Path,
    labels: tuple[str, ...] | None,
    weights: Mapping[str, str],
) -> Model:
    """The Model of a weights file that fits; labels None: the ImageNet names, for 1,000 outputs.

    The outputs of a file with a known SHA-256 are compared with the stored ones.  Raises UsageError
    for labels of another number than the outputs, ModelFileError for values that are no weights.
    """
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model
    from foveal.pretrained.mapping import build_module
    from foveal.pretrained.verification import verify_outputs

    names = _labels(candidate.classes, labels, path)
    module = build_module(candidate, tensors, path)
    for known in CATALOG.values():
        if known.sha256 == weights.get("sha256") and known.reference_logits:
            verify_outputs(module, known, path)
    return Model(module, Manifest(network=candidate.network, labels=names, weights=dict(weights)))


def _labels(outputs: int, labels: tuple[str, ...] | None, path: Path) -> tuple[str, ...]:
    if labels is None and outputs == IMAGENET_CLASSES:
        return imagenet_labels()
    if labels is None:
        raise UsageError(
            f"the last layer of {path} has {plural(outputs, 'output')}, so its classes are not the "
            f"{IMAGENET_CLASSES:,} of ImageNet: give their names with --labels FILE, one a line"
        )
    if len(labels) != outputs:
        raise UsageError(
            f"{plural(len(labels), 'class name')} for {plural(outputs, 'output')} of {path}: give "
            "one name a line for each output, in their order"
        )
    return labels
