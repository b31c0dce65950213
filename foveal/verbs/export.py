"""`foveal export`: write a model for other runtimes, only if it passes the parity check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foveal.errors import MissingExtra, UsageError
from foveal.files import refuse_overwriting, refuse_used_folder, write_atomic
from foveal.progress import Progress, silent
from foveal.text import one_of
from foveal.verbs.load import load_native

if TYPE_CHECKING:
    from foveal.dataset.dataset import Dataset
    from foveal.exporting.export import ExportOptions
    from foveal.exporting.page.check import PageCheck
    from foveal.exporting.parity import Parity
    from foveal.exporting.samples import ParitySamples
    from foveal.model.model import Model
    from foveal.prediction.predictor import Predictor

ExportFormat = Literal["onnx", "litert", "page", "pytorch"]
_PACKAGES = {
    "onnx": ("torch", "onnx", "onnxscript"),
    "litert": ("torch", "litert_torch", "ai_edge_quantizer", "ai_edge_litert"),
    "page": ("torch", "onnx", "onnxscript"),
    "pytorch": ("torch",),
}
_SUFFIXES = {"onnx": ".onnx", "litert": ".tflite", "page": ".html"}
_OPTIONS = {
    "onnx": ("--int8", "--any-size"),
    "litert": ("--int8",),
    "page": ("--int8", "--lang"),
    "pytorch": (),
}
"""The options that only some formats have."""


@dataclass(frozen=True)
class ExportResult:
    """The exported file or folder and how it compares with the original.

    method: `fp32`, or the int8 variant that passed.  rejected: one sentence for each int8 variant
    that failed before.  browser: of a page, how it compares in a browser; None where it was not
    opened in one, and then `not_opened` says why.
    """

    path: Path
    method: str
    parity: Parity
    rejected: tuple[str, ...]
    browser: PageCheck | None = None
    not_opened: str | None = None

    def to_data(self) -> dict[str, Any]:
        """The object `export --json` prints: path, method, rejected and the fields of Parity.

        Of a page also `browser` (name, pixels, files, unreadable; or null) and `not_opened`.
        """
        data = {
            "path": str(self.path),
            "method": self.method,
            "rejected": list(self.rejected),
            **self.parity.to_data(),
        }
        if self.browser is None and self.not_opened is None:
            return data
        browser = None if self.browser is None else self.browser.to_data()
        return {**data, "browser": browser, "not_opened": self.not_opened}


def export(
    model: str | Path | Model | Predictor,
    *,
    data: str | Path | Dataset | None = None,
    root: str | Path | None = None,
    to: ExportFormat = "onnx",
    int8: bool = False,
    any_size: bool = False,
    lang: Literal["en", "ko"] | None = None,
    out: str | Path | None = None,
    min_agreement: float | None = None,
    max_gap: float | None = None,
    max_loss: float | None = None,
    progress: Progress = silent,
) -> ExportResult:
    """Export a native model to `out` (default: beside its file).

    to: `onnx` or `litert` (for phones), one file; `page`, one HTML file that recognises images in a
    browser, offline; or `pytorch`, a folder of plain PyTorch.  lang: the language a page opens in.
    data: labelled images for the parity check, else val of the data.json beside the model; a model
    in memory needs `data` and `out`.  root: the folder of a table's images.  min_agreement: share
    of equal predictions, 0..1.  max_gap: largest difference of a probability, 0..1.  max_loss:
    points of accuracy (the only limit for int8).  Raises Error where a limit is not met: then
    nothing is written.
    """
    given = {"--int8": int8, "--any-size": any_size, "--lang": lang is not None}
    _check_format(to, tuple(option for option, is_given in given.items() if is_given))
    source = Path(model) if isinstance(model, str | Path) else None
    path = _output_path(source, out, to, int8=int8, any_size=any_size)
    suffixes = () if to == "pytorch" else (_SUFFIXES[to],)
    refuse_overwriting(path, {"the data": data}, suffixes=suffixes)
    native = load_native(model)
    from foveal.exporting import export as exporting

    limits = {
        "min_agreement": min_agreement,
        "max_probability_gap": max_gap,
        "max_accuracy_loss": max_loss,
    }
    options = _with_limits(exporting.ExportOptions(int8=int8, any_size=any_size), limits)
    samples, calibration = _samples(source, native, data, root, calibrate=int8)
    if to == "pytorch":
        from foveal.exporting.pytorch.export import export_folder

        parity = export_folder(native, samples, path, options.parity_limits, progress=progress)
        return ExportResult(path, "fp32", parity, ())
    if to == "page":
        return _export_page(native, samples, calibration, options, path, lang or "en", progress)
    if to == "litert":
        from foveal.exporting.litert.export import export_litert as export_file
    else:
        export_file = exporting.export_model
    exported = export_file(native, samples, calibration, options, progress=progress)
    write_atomic(path, exported.content)
    return ExportResult(path, exported.method, exported.parity, exported.rejected)


def _export_page(
    model: Model,
    samples: ParitySamples,
    calibration: ParitySamples,
    options: ExportOptions,
    path: Path,
    lang: Literal["en", "ko"],
    progress: Progress,
) -> ExportResult:
    from foveal.exporting.page.export import export_page

    page = export_page(model, samples, calibration, options, path, lang=lang, progress=progress)
    inside = page.model
    return ExportResult(
        path, inside.method, inside.parity, inside.rejected, page.check, page.not_opened
    )


def _check_format(to: str, options: tuple[str, ...]) -> None:
    """options: those that were given and that only some formats have."""
    if to not in _PACKAGES:
        raise UsageError(f"--to is '{to}'; give {one_of(_PACKAGES)}")
    if any(find_spec(package) is None for package in _PACKAGES[to]):
        if to == "litert":
            raise MissingExtra("foveal export --to litert", "mobile")
        raise MissingExtra("foveal export", "train")
    for option in options:
        if option not in _OPTIONS[to]:
            formats = [f"--to {name}" for name, known in _OPTIONS.items() if option in known]
            raise UsageError(f"{option} is for {one_of(formats)}; leave it out with --to {to}")


def _output_path(
    source: Path | None, out: str | Path | None, to: str, *, int8: bool, any_size: bool
) -> Path:
    if source is None:
        if out is None:
            raise UsageError("a model in memory has no file to write beside: give out")
        return Path(out)
    if to == "pytorch":
        folder = source.with_name(f"{source.stem}-pytorch") if out is None else Path(out)
        refuse_used_folder(folder)
        return folder
    name = source.stem + ("-any-size" if any_size else "") + ("-int8" if int8 else "")
    path = source.with_name(f"{name}{_SUFFIXES[to]}") if out is None else Path(out)
    refuse_overwriting(path, {"the model": source})
    return path


def _samples(
    source: Path | None,
    model: Model,
    data: str | Path | Dataset | None,
    root: str | Path | None,
    *,
    calibrate: bool,
) -> tuple[ParitySamples, ParitySamples]:
    from foveal.dataset.open import open_dataset, refuse_root_without_data
    from foveal.exporting.samples import from_data, from_run

    refuse_root_without_data(data, root)
    if data is not None:
        dataset = open_dataset(data, root=root)
        return from_data(dataset, model.manifest, model.train_hashes, calibrate=calibrate)
    if source is None:
        raise UsageError("a model in memory has no data.json beside it: give data")
    return from_run(source, model.manifest, calibrate=calibrate)


_MAXIMUM = {
    "min_agreement": ("--min-agreement", 1),
    "max_probability_gap": ("--max-gap", 1),
    "max_accuracy_loss": ("--max-loss", 100),
}


def _with_limits(options: ExportOptions, limits: dict[str, float | None]) -> ExportOptions:
    requested = {name: value for name, value in limits.items() if value is not None}
    for name, value in requested.items():
        option, maximum = _MAXIMUM[name]
        if not 0 <= value <= maximum:
            raise UsageError(f"{option} is {value:g}; give a number from 0 to {maximum}")
    return replace(options, limits=replace(options.parity_limits, **requested))
