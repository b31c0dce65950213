"""What differs between two runs: recipe, network, length, data, and their accuracy on val."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from foveal.errors import DataError, UsageError
from foveal.progress import Progress
from foveal.rundir import MODEL_FILE
from foveal.spec.yaml import dump_yaml
from foveal.studio.kept import read_kept, size_and_time, write_into_folder, write_kept
from foveal.studio.runs.request import TABLE_FILE
from foveal.studio.runs.snapshot import Snapshot, newest_snapshot
from foveal.studio.tasks.process import run_child
from foveal.studio.tasks.tasks import TaskProgress


class _Answer(TypedDict):
    n: int
    accuracy: float
    interval: Annotated[list[float], Field(min_length=2, max_length=2)]


class _Kept(TypedDict):
    key: list[list[Any]]
    answer: _Answer


_KIND = TypeAdapter(_Kept)
PLAN_KEYS = ("seed", "minutes", "task", "start_from")


def differences(one: Snapshot, other: Snapshot) -> dict[str, Any]:
    """Values that differ, each with that of `one` and of `other`; JSON data.

    layers: the lines of both networks, each `same`, only in `one` or only in `other`.
    """
    return {
        "recipe": _changed(one.plan["recipe"], other.plan["recipe"]),
        "plan": _changed(*({key: run.plan.get(key) for key in PLAN_KEYS} for run in (one, other))),
        "same_data": one.plan["data"] == other.plan["data"],
        "layers": _layer_lines(one.plan["network"], other.plan["network"]),
    }


def _changed(one: dict[str, Any], other: dict[str, Any]) -> list[dict[str, Any]]:
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return [{"key": key, "a": one.get(key), "b": other.get(key)} for key in keys]


def _layer_lines(one: dict[str, Any], other: dict[str, Any]) -> list[dict[str, str]]:
    before, now = (dump_yaml(network).splitlines() for network in (one, other))
    lines = []
    for tag, start, end, new_start, new_end in SequenceMatcher(
        None, before, now, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            lines += [{"in": "both", "text": line} for line in before[start:end]]
        else:
            lines += [{"in": "a", "text": line} for line in before[start:end]]
            lines += [{"in": "b", "text": line} for line in now[new_start:new_end]]
    return lines


def require_snapshot(folder: Path) -> Snapshot:
    """The newest checkpoint of a run; raises DataError where it has none yet."""
    snapshot = newest_snapshot(folder)
    if snapshot is None:
        raise DataError(
            f"the run {folder.name} has not trained a step yet, so there is nothing to compare; "
            "wait until its curves begin"
        )
    return snapshot


def accuracy_difference(
    one: Path,
    other: Path,
    progress: TaskProgress,
    *,
    test: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Accuracy of the first model minus that of the second on val of the first run's images.

    test: lines of a table of test images, to compare on these instead.  It is kept in the folder of
    `one` for the two model files as they are now.  It is made in a process of its own.
    Raises Error, Cancelled where a person ended it; nothing is kept then.
    """
    models = [folder / MODEL_FILE for folder in (one, other)]
    missing = [
        folder.name
        for folder, model in zip((one, other), models, strict=True)
        if not model.is_file()
    ]
    if missing:
        raise DataError(
            f"the run {missing[0]} has no model yet; its first is written after its first epoch"
        )
    key: list[list[Any]] = [[str(model), *size_and_time(model)] for model in models]
    table, kept = one / TABLE_FILE, one / f"compared-with-{other.name}.json"
    if test is not None:
        if not test:
            raise UsageError(
                "there is no labelled test image that neither of the runs has seen; put images "
                "into test in Data"
            )
        kept = one / f"compared-on-test-with-{other.name}.json"
        table = kept.with_suffix(".jsonl")
        key.append([blake2b("".join(test).encode()).hexdigest()])
    known = _known(kept, key)
    if known is not None:
        return known
    if test is not None:
        write_into_folder(table, "".join(test))
    progress("comparing", 0, None)  # shown, and cancelled, while the process begins
    request = {"models": [str(model) for model in models], "table": str(table)}
    answer = run_child("compare", {**request, "test": test is not None}, progress)
    write_kept(kept, {"key": key, "answer": answer})
    return answer


def compare_job(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """`foveal compare` of two `models` on val or `test` of `table`, in the process of the work."""
    from foveal.verbs.compare import compare

    (difference,) = compare(
        request["models"],
        request["table"],
        split="test" if request["test"] else "val",
        ignore_unknown_classes=request["test"],
        progress=progress,
    ).differences
    return {
        "n": difference.n,
        "accuracy": difference.accuracy,
        "interval": list(difference.accuracy_interval),
    }


def _known(path: Path, key: list[list[Any]]) -> dict[str, Any] | None:
    found = read_kept(path, _KIND)
    return {**found["answer"]} if found is not None and found["key"] == key else None
