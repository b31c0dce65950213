"""The scripts of benchmarks/ start, name what the package has, and are summed up."""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS, BENCHMARKS = ROOT / "docs", ROOT / "benchmarks"


def test_every_script_names_what_is_there():
    script = Path(__file__).with_name("read_scripts.py")
    read = subprocess.run(
        [sys.executable, str(script), str(ROOT)], cwd=ROOT, capture_output=True, text=True
    )
    assert read.returncode == 0, read.stderr
    assert json.loads(read.stdout) == {}


@pytest.fixture
def summary(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    spec = spec_from_file_location("benchmarks_summary", BENCHMARKS / "summary.py")
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where its dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_the_summary_has_every_kind_of_result():
    told = subprocess.run(
        [sys.executable, str(BENCHMARKS / "summary.py")], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    beside, goals = told.stdout.split("\nGoals\n")
    for kind in ("training, cifar10, from", "reading, ", "prediction, ", "serving, ", "search, "):
        assert f"\n{kind}" in beside
    for goal in ("cifar10 from scratch: ", "serving: throughput at ", "search: a gain "):
        assert f"\n{goal}" in goals


@pytest.fixture
def results(summary, tmp_path, monkeypatch):
    """Writes a file of results where the summary reads them."""
    monkeypatch.setattr(summary, "RESULTS", tmp_path)
    return lambda name, *lines: (tmp_path / name).write_text("\n".join(map(json.dumps, lines)))


MACHINE = {"processor": "Intel(R) Xeon(R) Processor: amx_int8", "cores": 2, "load": 1.0}


def sitting(name, *runs):
    keys = ("who", "minutes", "seconds", "accuracy", "seconds_to_it")
    runs = [dict(zip(keys, run, strict=True)) for run in runs]
    return {"name": name, "machine": MACHINE, "measured": "2026-01-02", "runs": runs}


def test_a_ratio_is_the_time_of_the_peer_over_that_of_foveal(summary, results):
    own = ("foveal", 1, 60.0, 0.9, 50.0)
    results(
        "training.jsonl",
        sitting("cifar10:keras", own, ("keras", None, 600.0, 0.8, 90.0)),
        sitting("cifar10:keras", own, ("keras", None, 600.0, 0.8, 120.0)),
        sitting("cifar10:fastai", own, ("fastai", None, 600.0, 0.95, 300.0)),
    )
    fastai, keras = summary.training_rows()
    assert keras == summary.Row(
        "training, cifar10, from scratch",
        "90.0 % in 60 s (n=1)",
        "Keras 80.0 % in 120 s (n=1)",  # of the newest sitting
        "2.0",
        "Intel Xeon, 2 cores, AMX, load 1.0",
        "2026-01-02",
    )
    assert fastai.ratio == "accuracy not reached"


@pytest.mark.parametrize(
    ("seconds", "accuracy", "value", "met"),
    [
        (458.0, 0.916, "91.6 % in 458 s (n=1)", True),
        (458.0, 0.914, "91.4 % in 458 s (n=1)", False),
        (480.0, 0.916, None, None),  # took longer than the goal allows
    ],
)
def test_a_goal_is_met_within_its_time(summary, results, seconds, accuracy, value, met):
    results("training.jsonl", sitting("cifar10", ("foveal", 8, seconds, accuracy, seconds)))
    goal = next(goal for goal in summary.training_goals() if goal.what.startswith("cifar10 from"))
    assert (goal.value, goal.met) == (value, met)
