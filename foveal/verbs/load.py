"""`foveal.load`: open a native or an exported model file for inference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from foveal.prediction.predictor import DEFAULT_BATCH_SIZE, Predictor

if TYPE_CHECKING:
    from foveal.model.model import Model


def load(path: str | Path, *, batch_size: int = DEFAULT_BATCH_SIZE, threads: int = 0) -> Predictor:
    """Open a model file: model.safetensors (needs torch) or an exported .onnx (needs no torch).

    batch_size: images per forward pass.  threads: of onnxruntime for an exported file, 0 for one
    per core.  Raises ModelFileError for a file that is damaged, modified or of another kind,
    MissingExtra for a native file without torch.
    """
    return Predictor(path, batch_size=batch_size, threads=threads)


def load_native(model: str | Path | Model | Predictor) -> Model:
    """The Model (torch module and manifest) of whatever a verb accepts as a native model.

    Raises ModelFileError for an exported file or its Predictor.
    """
    if isinstance(model, Predictor):
        return model.native
    if isinstance(model, str | Path):
        from foveal.model.model import load_model as load_model

        return load_model(model)
    return model


def load_features(
    model: str | Path | Model | Predictor | None, *, batch_size: int = DEFAULT_BATCH_SIZE
) -> Predictor:
    """A Predictor that gives embeddings.

    Raises ModelFileError for an exported file, which does not.
    """
    assert model is not None
    predictor = model if isinstance(model, Predictor) else Predictor(model, batch_size=batch_size)
    predictor.require_features()
    return predictor
