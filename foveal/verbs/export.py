"""`foveal export`: one file for other runtimes, written only when it agrees with the original.

Joins the model, the images it is judged on and the exporter; knows nothing of graphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foveal.errors import MissingExtra, UsageError
from foveal.files import refuse_overwriting, write_atomic
from foveal.progress import Progress, silent

if TYPE_CHECKING:
    from foveal.dataset.dataset import Dataset


@dataclass(frozen=True)
class ExportResult:
    """What was written and how it agrees; the names of `export --json`."""

    file: Path
    agreement: float
    max_probability_gap: float
    accuracy_native: float
    accuracy_exported: float
    accuracy_interval: tuple[float, float]
    n: int
    made: str
    refused: tuple[str, ...]

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "file": str(self.file),
            "agreement": self.agreement,
            "max_probability_gap": self.max_probability_gap,
            "accuracy_native": self.accuracy_native,
            "accuracy_exported": self.accuracy_exported,
            "accuracy_interval": list(self.accuracy_interval),
            "n": self.n,
            "made": self.made,
            "refused": list(self.refused),
        }


def export(
    model: str | Path,
    *,
    data: str | Path | Dataset | None = None,
    to: Literal["onnx"] = "onnx",
    int8: bool = False,
    any_size: bool = False,
    out: str | Path | None = None,
    min_agreement: float | None = None,
    max_gap: float | None = None,
    max_loss: float | None = None,
    progress: Progress = silent,
) -> ExportResult:
    """Export the model file `model` to `out` (default: beside it); the figures of the gate.

    data: labelled images to judge on, else val of the run's data.json.  min_agreement: share of
    equal answers.  max_gap: of one probability.  max_loss: points of accuracy (int8 is held to
    this alone).  Raises Error where a limit is broken: then nothing is written.
    """
    if any(find_spec(package) is None for package in ("torch", "onnx", "onnxscript")):
        raise MissingExtra("foveal export", "train")
    if to != "onnx":
        raise UsageError(f"--to is '{to}'; onnx is the only format")
    source = Path(model)
    file = Path(out) if out is not None else _beside(source, int8=int8, any_size=any_size)
    refuse_overwriting(file, source, "the model")
    from foveal.exporting import export as exporting
    from foveal.model.model import load

    loaded = load(source)
    judged, calibrated = _evidence(source, loaded, data)
    choices = exporting.ExportOptions(int8=int8, any_size=any_size)
    choices = _limited(choices, min_agreement, max_gap, max_loss)
    made = exporting.export(loaded, judged, calibrated, choices, progress=progress)
    write_atomic(file, made.content)
    parity = made.parity
    return ExportResult(
        file,
        parity.agreement,
        parity.max_probability_gap,
        parity.accuracy_native,
        parity.accuracy_exported,
        parity.accuracy_interval,
        parity.n,
        str((made.manifest.exported or {})["made"]),
        made.tried,
    )


def _evidence(source: Path, loaded: Any, data: Any) -> tuple[Any, Any]:
    from foveal.exporting.samples import from_data, from_run

    if data is None:
        return from_run(source, loaded.manifest)
    if isinstance(data, str | Path):
        from foveal.dataset.open import open_dataset

        data = open_dataset(data)
    return from_data(data, loaded.manifest, loaded.train_hashes)


def _limited(choices: Any, agreement: float | None, gap: float | None, loss: float | None) -> Any:
    from dataclasses import replace

    given = {"agreement": agreement, "gap": gap, "loss": loss}
    for name, value in given.items():
        if value is not None and not 0 <= value <= (100 if name == "loss" else 1):
            raise UsageError(
                f"the limit of {name} is {value:g}; give 0 to 1 (loss: 0 to 100 points)"
            )
    limits = replace(
        choices.resolved(), **{name: value for name, value in given.items() if value is not None}
    )
    return replace(choices, limits=limits)


def _beside(source: Path, *, int8: bool, any_size: bool) -> Path:
    name = source.stem + ("-any-size" if any_size else "") + ("-int8" if int8 else "")
    return source.with_name(f"{name}.onnx")
