"""The curves of a run from its logs."""

import json
import os
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from foveal.studio.runs import curves
from foveal.studio.runs.curves import (
    epoch_lines,
    newest_epoch,
    newest_step,
    step_lines,
    thinned,
)


def _write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_steps_that_were_done_again_count_once(tmp_path):
    _write(tmp_path / "steps.jsonl", [{"step": step} for step in (1, 5, 9, 12, 7, 10)])
    assert [line["step"] for line in step_lines(tmp_path)] == [1, 5, 7, 10]


def test_what_is_no_line_yet_is_left_out(tmp_path):
    text = '{"step": 1}\nnonsense\n[2]\n{"step": "3"}\n{"step": 4}\n{"step": 5'
    (tmp_path / "steps.jsonl").write_text(text)
    assert step_lines(tmp_path) == [{"step": 1}, {"step": 4}]
    assert epoch_lines(tmp_path) == []


@given(st.lists(st.integers(0, 50)))
def test_steps_only_rise(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("run")
    _write(folder / "steps.jsonl", [{"step": step} for step in steps])
    found = [line["step"] for line in step_lines(folder)]
    assert found == sorted(set(found))
    assert found[-1:] == steps[-1:]


@given(st.integers(0, 3000), st.integers(1, 100))
def test_a_thinned_curve_is_short_and_keeps_its_end(count, most):
    lines = [{"step": step} for step in range(count)]
    found = thinned(lines, most)
    assert len(found) <= most
    assert found[-1:] == lines[-1:]
    gaps = {two["step"] - one["step"] for one, two in pairwise(found)}
    assert len(gaps) <= 1


@given(st.lists(st.integers(0, 50)), st.sampled_from(["", "nonsense\n", '{"step": 7']))
def test_the_newest_lines_are_the_last_of_all(tmp_path_factory, numbers, end):
    folder = tmp_path_factory.mktemp("run")
    for name, key in (("steps.jsonl", "step"), ("log.jsonl", "epoch")):
        _write(folder / name, [{key: number} for number in numbers])
        with (folder / name).open("a") as file:
            file.write(end)
    assert newest_step(folder) == (step_lines(folder) or [None])[-1]
    assert newest_epoch(folder) == (epoch_lines(folder) or [None])[-1]


def test_only_the_end_of_a_long_log_is_read(tmp_path):
    _write(tmp_path / "steps.jsonl", [{"step": step, "loss": 0.5} for step in range(5000)])
    assert (tmp_path / "steps.jsonl").stat().st_size > 4 * curves.TAIL_BYTES
    assert newest_step(tmp_path) == {"step": 4999, "loss": 0.5}
    assert newest_epoch(tmp_path) is None


def test_a_line_with_a_number_that_is_none_is_left_out(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"epoch": 1}\n{"epoch": 2, "loss": NaN}\n')
    assert epoch_lines(tmp_path) == [{"epoch": 1}]


def test_a_pipe_has_no_lines_and_is_not_waited_for(tmp_path):
    for name in ("steps.jsonl", "log.jsonl"):
        os.mkfifo(tmp_path / name)
    assert (step_lines(tmp_path), epoch_lines(tmp_path)) == ([], [])
    assert (newest_step(tmp_path), newest_epoch(tmp_path)) == (None, None)
