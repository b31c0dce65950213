"""Exports of a run's model: written into the run's folder, each with what its check found."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NotRequired

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from foveal.errors import DataError, Error, UsageError
from foveal.files import write_atomic
from foveal.progress import Progress
from foveal.rundir import MODEL_FILE
from foveal.studio.kept import read_kept, unless_removed, write_kept
from foveal.studio.models.class_names import frozen_run, model_labels
from foveal.studio.models.loaded import model_path
from foveal.studio.repeat import repeat
from foveal.studio.tasks.process import one_at_a_time, run_child
from foveal.studio.tasks.tasks import Cancelled, TaskProgress
from foveal.verbs.export import export


@with_config(ConfigDict(extra="allow"))
class _Kept(TypedDict):
    """The result of a kind; path: of one that passed."""

    kind: str
    passed: bool
    labels: NotRequired[list[str]]
    path: NotRequired[str]
    bytes: NotRequired[int]
    message: NotRequired[str]
    n: NotRequired[int]
    agreement: NotRequired[float]
    max_probability_gap: NotRequired[float]
    accuracy_native: NotRequired[float | None]
    accuracy_exported: NotRequired[float | None]


_KIND = TypeAdapter(dict[str, _Kept])
EXPORTS = "exports"
RESULTS_FILE = "exports.json"


class Kind(NamedTuple):
    """options: of `foveal export`.  file: the name of what is kept; a folder as a .zip."""

    options: dict[str, Any]
    file: str


KINDS = {
    "onnx": Kind({}, "model.onnx"),
    "onnx-int8": Kind({"int8": True}, "model-int8.onnx"),
    "onnx-any-size": Kind({"any_size": True}, "model-any-size.onnx"),
    "page": Kind({"to": "page"}, "model.html"),
    "page-int8": Kind({"to": "page", "int8": True}, "model-int8.html"),
    "litert": Kind({"to": "litert"}, "model.tflite"),
    "litert-int8": Kind({"to": "litert", "int8": True}, "model-int8.tflite"),
    "pytorch": Kind({"to": "pytorch"}, "model-pytorch.zip"),
}
_ZIP = ".zip"
_exporting = threading.Lock()


def export_model(
    run: Path, kind: str, progress: TaskProgress, named: Callable[[], Path] | None = None
) -> dict[str, Any]:
    """Export a run's model and note the result; returns it, with `command` and `python`.

    named: gives the folder with the model under the names of today, where they may be others.
    Those it has when the export begins are in the file, whatever is renamed meanwhile.
    It is made in a process of its own, one at a time: quantising takes gigabytes.
    Raises UsageError for another kind, Error where the check fails: then nothing is written.
    """
    if kind not in KINDS:
        raise UsageError(f"the export '{kind}' does not exist; choose {', '.join(KINDS)}")
    options, file = KINDS[kind]
    out = run / EXPORTS / file
    model_path(run)
    with unless_removed(run):
        out.parent.mkdir(exist_ok=True)
    with (
        one_at_a_time(_exporting, progress, "exporting", "waiting for another export"),
        frozen_run(run, named or (lambda: run)) as (folder, frozen),
    ):
        model = model_path(frozen)
        labels = list(model_labels(model))
        try:
            request = {"model": str(model), "out": str(out), "options": options}
            result = run_child("export", request, progress)
        except Cancelled:
            raise
        except Error as error:
            _note(run, {"kind": kind, "passed": False, "message": str(error)})
            raise
        found = {"kind": kind, "passed": True, **result, "path": out.name, "labels": labels}
        _note(run, {**found, "bytes": out.stat().st_size})
    return {**found, **_repeat(folder / MODEL_FILE, options, out)}


def _repeat(model: Path, options: dict[str, Any], out: Path) -> dict[str, str]:
    """The same with the verb, which writes a folder where the studio keeps a .zip."""
    out = out.with_suffix("") if out.suffix == _ZIP else out
    words: list[str] = []
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", *([] if value is True else [value])]
    arguments = "".join(f", {name}={value!r}" for name, value in options.items())
    return repeat(
        ["export", model, *words, "--out", out],
        f"foveal.export({str(model)!r}{arguments}, out={str(out)!r})",
    )


def export_job(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """`foveal export` of `model` to `out`, in the process of the work; a .zip holds a folder."""
    model, options, out = request["model"], request["options"], Path(request["out"])
    if out.suffix != _ZIP:
        return export(model, **options, out=out, progress=progress).to_data()
    with tempfile.TemporaryDirectory() as new:
        result = export(model, **options, out=Path(new) / out.stem, progress=progress)
        zipped = Path(shutil.make_archive(f"{new}/packed", "zip", new, out.stem))
        write_atomic(out, zipped.read_bytes())
    return result.to_data()


def list_exports(run: Path, named: Path | None = None) -> list[dict[str, Any]]:
    """The newest result of each kind, in the order of KINDS; of files that are still there.

    former_names: whether the file has other names of classes than the model in `named` has.
    """
    results, labels = _results(run), list(model_labels((named or run) / MODEL_FILE))
    return [
        {**results[kind], "former_names": labels != results[kind].get("labels", labels)}
        for kind in KINDS
        if kind in results and (not results[kind]["passed"] or _is_file(_path(run, results[kind])))
    ]


def export_file(run: Path, name: str) -> Path:
    """The file of an export by its name.  Raises UsageError for one that was not exported."""
    for result in list_exports(run):
        if result["passed"] and result["path"] == name:
            return _path(run, result)
    raise UsageError("there is no export of this name in the run; export it again")


def _path(run: Path, result: dict[str, Any]) -> Path:
    return run / EXPORTS / Path(str(result.get("path", ""))).name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _note(run: Path, result: dict[str, Any]) -> None:
    results = {**_results(run), result["kind"]: result}
    write_kept(run / EXPORTS / RESULTS_FILE, results)


def _results(run: Path) -> dict[str, dict[str, Any]]:
    file = run / EXPORTS / RESULTS_FILE
    if not file.exists():
        return {}
    content = read_kept(file, _KIND)
    if content is None:
        raise DataError(f"{file} cannot be read; remove it")
    return {kind: dict(content[kind]) for kind in KINDS if kind in content}
