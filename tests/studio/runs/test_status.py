"""What a run is doing, from its folder."""

from foveal.studio.runs.request import RunRequest, read_request
from foveal.studio.runs.snapshot import Snapshot, newest_snapshot
from foveal.studio.runs.status import run_status


def test_a_finished_run(finished):
    status = run_status(finished, read_request(finished), newest_snapshot(finished), alive=False)
    assert (status.state, status.epochs, status.epochs_asked) == ("finished", 2, 2.0)
    assert status.name == "first"
    assert status.model
    assert 0 <= status.val_accuracy <= 1
    assert status.val_images > 0
    assert status.seconds_left is None


def test_a_run_that_ended_without_being_asked_can_go_on(tmp_path):
    assert run_status(tmp_path, RunRequest(), None, alive=False).state == "interrupted"
    assert run_status(tmp_path, RunRequest(asked="pause"), None, alive=False).state == "paused"
    assert run_status(tmp_path, RunRequest(), None, alive=True).state == "running"


def test_the_sentence_of_a_failed_run_is_its_error(tmp_path):
    log = tmp_path / "run.log"
    log.write_text("$ foveal train a\nfoveal: old\n$ foveal train b\nplan: 1\nfoveal: a\nand b\n")
    status = run_status(tmp_path, RunRequest(), None, alive=False)
    assert (status.state, status.error) == ("failed", "a\nand b")
    log.write_text(log.read_text() + "$ foveal train c\nplan: 1\n")
    assert run_status(tmp_path, RunRequest(), None, alive=False).state == "interrupted"
    log.write_text("$ foveal train\nTraceback (most recent call last):\nKeyError: 1\n")
    assert run_status(tmp_path, RunRequest(), None, alive=False).error == (
        "the run ended with an error of Foveal itself: KeyError: 1"
    )


def test_lines_without_their_numbers_are_no_failure(tmp_path):
    (tmp_path / "steps.jsonl").write_text('{"step": 1, "seconds": "x"}\n')
    (tmp_path / "log.jsonl").write_text('{"epoch": 2}\n')
    status = run_status(tmp_path, RunRequest(), None, alive=True)
    assert (status.seconds, status.seconds_left, status.epochs) == (0.0, None, 2)


def test_an_accuracy_that_is_no_number_is_none(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"epoch": 2, "val_accuracy": "high"}\n')
    position = {"finished": True, "final_scores": {"val_accuracy": [1], "val_images": "n"}}
    snapshot = Snapshot(tmp_path, (0, 0), {}, position)
    status = run_status(tmp_path, RunRequest(), snapshot, alive=False)
    assert (status.val_accuracy, status.val_images) == (None, None)
