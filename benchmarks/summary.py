"""One summary of all results: Foveal beside each peer, and beside the goals.

    python benchmarks/summary.py        or        make bench NAME=summary

Nothing is measured here: the newest result of each kind is read from benchmarks/results. A ratio
compares figures of one sitting on one machine; above 1 Foveal is faster. In training it is the
peer's time to its highest test accuracy over Foveal's whole process, and stands only where Foveal
reached that accuracy; the accuracies stand beside it. Goals were set for two cores with AMX: a
result of another machine is shown, and marked, and decides nothing. A goal without a result is
`not measured`. `recorded` is the day on which the result was committed, `measured` in files that
say it themselves.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
sys.path.insert(0, str(ROOT / "docs"))

from figures import is_transfer  # noqa: E402
from readme_table import NAMES  # noqa: E402

Result = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """What was compared, both sides in words, and where and when it was measured."""

    what: str
    own: str
    peer: str
    ratio: str
    where: str
    when: str


@dataclass(frozen=True)
class Goal:
    """value: of the result, None where nothing is measured; met: None where it decides nothing.

    is_set: False where no goal was set and the result is only shown.
    """

    what: str
    value: str | None
    met: bool | None
    where: str = ""
    when: str = ""
    is_set: bool = True


# Results with their days ------------------------------------------------------------------------


def read(name: str) -> list[Result]:
    """The results of a file, oldest first, each with `recorded`."""
    path = RESULTS / name
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return [{"recorded": _committed(path), **json.loads(text)}]
    days = _days_of_lines(path)
    lines = [line for line in text.splitlines() if line.strip()]
    return [
        {"recorded": days[number] if number < len(days) else "not committed", **json.loads(line)}
        for number, line in enumerate(lines)
    ]


@cache
def _committed(path: Path) -> str:
    """The day of the last commit of a file."""
    return _git("log", "-1", "--format=%cs", "--", str(path)).strip() or "not committed"


@cache
def _days_of_lines(path: Path) -> list[str]:
    """The day of the commit of each line."""
    blame = _git("blame", "--date=short", "-c", "-s", "--", str(path))
    dates = _git("blame", "--line-porcelain", "--", str(path))
    times = [line.split()[1] for line in dates.splitlines() if line.startswith("committer-time ")]
    unknown = [line.startswith("0000000") for line in blame.splitlines()]
    return [
        "not committed" if new else _day(int(time))
        for time, new in zip(times, unknown, strict=False)
    ]


def _day(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def when(result: Result) -> str:
    """The day of a result."""
    return str(result.get("measured", result["recorded"]))


def machine(result: Result) -> str:
    """Processor, cores and load in few words."""
    about = result.get("machine", {})
    if isinstance(about, str):
        return about.rpartition(", ")[2]
    about = {**result, **about}
    name = str(about.get("processor") or "processor not recorded").partition(":")[0]
    name = name.replace("(R)", "").replace("Processor", "").strip()
    amx = ", AMX" if "amx" in json.dumps(about.get("processor", "")) else ""
    load = about.get("load", (about.get("load_before") or [None])[0])
    busy = "" if load is None else f", load {load:.1f}"
    return f"{name}, {about.get('cores', '?')} cores{amx}{busy}"


# Peers ------------------------------------------------------------------------------------------


def training_rows() -> Iterator[Row]:
    """The newest sitting of each set, start, budget and peer."""
    newest: dict[tuple[str, ...], Row] = {}
    for result in read("training.jsonl"):
        name = str(result.get("name", "")).partition(":")[0]
        runs = [run for run in result.get("runs", ()) if run["accuracy"] is not None]
        own = [run for run in runs if run["who"] == "foveal"]
        for who in dict.fromkeys(run["who"] for run in runs if run["who"] != "foveal"):
            theirs = [run for run in runs if run["who"] == who]
            if own and is_transfer(own[0]) == is_transfer(theirs[0]):
                key = (name, who, f"{own[0]['minutes']:.3g}")
                newest.pop(key, None)
                newest[key] = _training_row(name, own, theirs, result)
    yield from (newest[key] for key in sorted(newest))


def _training_row(name: str, own: list[Result], theirs: list[Result], result: Result) -> Row:
    accuracy, seconds = _median(own, "accuracy"), _median(own, "seconds")
    peer, needed = _median(theirs, "accuracy"), _median(theirs, "seconds_to_it")
    start = "transfer" if is_transfer(own[0]) else "from scratch"
    who = theirs[0]["who"]
    return Row(
        f"training, {name}, {start}",
        f"{100 * accuracy:.1f} % in {seconds:.0f} s (n={len(own)})",
        f"{NAMES.get(who, who)} {100 * peer:.1f} % in {needed:.0f} s (n={len(theirs)})",
        f"{needed / seconds:.1f}" if accuracy >= peer else "accuracy not reached",
        machine(result),
        when(result),
    )


def _median(runs: list[Result], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def reading_rows() -> Iterator[Row]:
    """Reading a folder, first and again, beside the fastest of each peer."""
    for result in read("data.json"):
        for name in ("photos", "small"):
            found = {
                key.partition(": ")[2]: value
                for key, value in result.items()
                if key.startswith(f"{name}: ")
            }
            own = found.pop("foveal", None)
            for field, again in (("cold", "first"), ("warm", "again")):
                best: dict[str, float] = {}
                for who, value in found.items():
                    family = who.partition(",")[0]
                    best[family] = min(best.get(family, value[field][0]), value[field][0])
                for who, seconds in best.items():
                    mine = own[field][0] if own else 0.0
                    yield Row(
                        f"reading, {name}, {again}",
                        f"{mine:.3g} s",
                        f"{who} {seconds:.3g} s",
                        f"{seconds / mine:.1f}",
                        machine(result),
                        when(result),
                    )


def prediction_rows() -> Iterator[Row]:
    """Images a second of a folder, and of an int8 network alone."""
    for result in read("inference.json"):
        for key, what, own in (
            ("folder_images_per_second", "prediction, folder", "foveal exported"),
            ("network_images_per_second", "prediction, int8 network", "onnxruntime int8"),
        ):
            found = result.get(key, {})
            for who, value in found.items():
                if own in found and "foveal" not in who and who != own:
                    mine = found[own]["median"]
                    yield Row(
                        what,
                        f"{mine:,.0f} images/s",
                        f"{NAMES.get(who, who)} {value['median']:,.0f}",
                        f"{mine / value['median']:.1f}",
                        machine(result),
                        when(result),
                    )


def serving_rows() -> Iterator[Row]:
    """Requests a second at the most clients."""
    for result in read("serving.json"):
        figures = result.get("figures", [])
        clients = max((one["clients"] for one in figures), default=0)
        found = {one["server"]: one["per_second"] for one in figures if one["clients"] == clients}
        own = found.pop("foveal", None)
        for who, rate in found.items():
            if own and not who.startswith("foveal"):
                yield Row(
                    f"serving, {clients} clients",
                    f"{own:,.0f} requests/s",
                    f"{NAMES.get(who, who)} {rate:,.0f}",
                    f"{own / rate:.1f}",
                    machine(result),
                    when(result),
                )


def search_rows() -> Iterator[Row]:
    """The newest search of each set beside each contender."""
    newest = {(one["images"], one["minutes"]): one for one in read("search.jsonl")}
    for (name, minutes), result in newest.items():
        found = {one["who"]: one["test accuracy, %"] for one in result["figures"]}
        own = found.pop("foveal search")
        for who, accuracy in found.items():
            yield Row(
                f"search, {name}, {minutes:g} minutes",
                f"{own:.1f} %",
                f"{'foveal train' if who == 'foveal' else who} {accuracy:.1f} %",
                f"{own - accuracy:+.1f} points",
                machine(result),
                when(result),
            )


# Goals ------------------------------------------------------------------------------------------

AMX_TRAINING = (
    ("cifar10", 0.915, 460.0),
    ("fashion-mnist", 0.935, 60.0),
    ("fashion-mnist", 0.945, 240.0),
    ("clothing10", 0.87, 155.0),
)
"""Set, test accuracy from scratch and seconds of the whole process, on two cores with AMX."""
ANCHOR, ANCHOR_ACCURACY, ANCHOR_SHARE = "airbench94", 0.907, 1 / 3
TOLERANCE = 1.03
"""Of the seconds: a process may end a little after its budget."""


def training_goals() -> Iterator[Goal]:
    """The newest from-scratch run that kept each time."""
    for name, accuracy, seconds in AMX_TRAINING:
        what = f"{name} from scratch: {100 * accuracy:.1f} % in {seconds:.0f} s"
        yield _training_goal(what, name, accuracy, lambda _, s=seconds: s)
    shown = _training_goal("tiles from scratch in 150 s, balanced", "tiles", 0.0, lambda _: 150.0)
    yield replace(shown, is_set=False)
    yield _training_goal(
        f"cifar10: {100 * ANCHOR_ACCURACY:.1f} % in a third of {ANCHOR}'s time",
        "cifar10",
        ANCHOR_ACCURACY,
        _third_of_the_anchor,
    )


def _third_of_the_anchor(result: Result) -> float | None:
    times = [run["seconds"] for run in result["runs"] if run["who"].endswith(ANCHOR)]
    return ANCHOR_SHARE * statistics.median(times) if times else None


def _training_goal(
    what: str, name: str, accuracy: float, limit: Callable[[Result], float | None]
) -> Goal:
    found = Goal(what, None, None)
    for result in read("training.jsonl"):
        seconds = limit(result) if result.get("name", "").partition(":")[0] == name else None
        own = [
            run for run in result.get("runs", ()) if run["who"] == "foveal" and not is_transfer(run)
        ]
        if seconds is None or not own:
            continue
        taken, reached = _median(own, "seconds"), _median(own, "accuracy")
        if not 0.5 * seconds < taken <= TOLERANCE * seconds:
            continue
        amx = "AMX" in machine(result)
        value = f"{100 * reached:.1f} % in {taken:.0f} s (n={len(own)})"
        met = reached >= accuracy if amx else None
        found = Goal(what, value, met, machine(result), when(result))
    return found


def ratio_goals() -> Iterator[Goal]:
    """Goals that are a ratio in a result file."""
    for what, name, key, least in (
        ("2 processes against 1 with 2 threads", "processes.json", "ratio", 0.95),
        ("training from shards against the decoded cache", "shards.json", "ratio", 0.95),
        ("reading shards against WebDataset in a DataLoader", "shards.json", "reading_ratio", 1.0),
        ("bulk prediction, 2 Ray workers against 2 threads", "bulk.json", "ratio", 0.95),
    ):
        results = read(name)
        value = results[-1].get(key) if results else None
        if not isinstance(value, int | float):
            yield Goal(f"{what}: at least {least}", None, None)
            continue
        yield Goal(
            f"{what}: at least {least}",
            f"{value:.2f}",
            value >= least,
            machine(results[-1]),
            when(results[-1]),
        )
    searches = read("search.jsonl")
    what = "search: a gain over Foveal's own values in equal time is shown, or its absence told"
    if not searches:
        yield Goal(what, None, None)
    for one in searches[-1:]:
        yield Goal(what, one["conclusion"], True, machine(one), when(one))


def serving_goals() -> Iterator[Goal]:
    """The goals that the serving script compares itself."""
    for result in read("serving.json"):
        for goal in result.get("goals", ()):
            what = f"serving: {goal['goal']}: at least {goal['target']:g}"
            yield Goal(what, f"{goal['ratio']:g}", bool(goal["met"]), machine(result), when(result))


# Text -------------------------------------------------------------------------------------------


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Columns of text, two spaces between them."""
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


VERDICTS = {True: "met", False: "MISSED", None: "other machine"}


def _verdict(goal: Goal) -> str:
    if not goal.is_set:
        return "no goal set"
    return "not measured" if goal.value is None else VERDICTS[goal.met]


def summary() -> str:
    """Both tables."""
    peers = [training_rows, reading_rows, prediction_rows, serving_rows, search_rows]
    rows = [row for found in peers for row in found()]
    goals = [goal for found in (training_goals, ratio_goals, serving_goals) for goal in found()]
    told = [
        (
            goal.what,
            goal.value or "-",
            _verdict(goal),
            goal.where,
            goal.when,
        )
        for goal in goals
    ]
    beside = [(r.what, r.own, r.peer, r.ratio, r.where, r.when) for r in rows]
    return "\n\n".join(
        (
            "Foveal beside each peer (one sitting on one machine a line; ratio above 1: Foveal is "
            "faster)",
            table(("what", "Foveal", "peer", "ratio", "machine", "recorded"), beside),
            "Goals",
            table(("goal", "result", "verdict", "machine", "recorded"), told),
        )
    )


if __name__ == "__main__":
    print(summary())
