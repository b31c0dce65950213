"""Results on standard output, messages and progress on standard error, nothing with --quiet."""

import pytest

from foveal.cli import console


def test_results_and_messages_have_a_stream_each(capsys):
    console.result("a result")
    console.result_json({"name": "é"})
    console.message("a message")
    assert capsys.readouterr() == ('a result\n{"name": "é"}\n', "a message\n")


def test_not_a_number_is_no_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.result_json(float("nan"))


def test_quiet_shows_neither_messages_nor_progress(capsys, monkeypatch):
    with console.progress() as progress:
        progress.message("shown")
    monkeypatch.setattr(console, "QUIET", True)
    console.message("hidden")
    with console.progress() as progress:
        progress.message("hidden")
        progress("training", 1, 2)
    assert capsys.readouterr() == ("", "shown\n")
