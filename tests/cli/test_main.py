"""The command line as a process: exit status, streams, one sentence, never a traceback."""

import subprocess
import sys

import foveal
from foveal.cli import main
from foveal.cli.app import COMMANDS


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "foveal", *arguments], capture_output=True, text=True
    )


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"foveal {foveal.__version__}\n", "")


def test_help_lists_every_verb():
    done = run("--help")
    assert done.returncode == 0
    for verb in COMMANDS:
        assert f" {verb} " in done.stdout


def test_an_unknown_verb_is_wrong_usage():
    done = run("trian")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "foveal: No such command 'trian'. Did you mean 'train'?\n"


def test_a_path_with_blanks_that_was_not_quoted():
    done = run("check", "my", "images")
    assert done.returncode == 2
    assert done.stderr == (
        "foveal: Got unexpected extra argument(s) (images); a path with blanks needs quotes "
        "around it\n"
    )


def test_an_unknown_option_is_wrong_usage():
    done = run("show", "lenet5", "--inptu", "3")
    assert done.returncode == 2
    assert done.stderr.startswith("foveal: No such option: --inptu")
    assert done.stderr.count("\n") == 1


def test_a_wrong_choice_is_one_sentence():
    done = run("predict", "model.onnx", "a.png", "--format", "xml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "foveal: Invalid value for '--format': 'xml' is not one of 'table', 'jsonl', 'csv', "
        "'parquet'.\n"
    )


def test_a_missing_folder_is_one_sentence():
    done = run("check", "no such folder")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no such folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_name_that_is_too_long_is_one_sentence():
    name = f"{'x' * 300}.yaml"
    done = run("train", "images", "--epochs", "1", "--recipe", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"foveal: File name too long: {name}\n"


def test_an_error_of_foveal_itself_is_shown_and_ends_as_every_failure(monkeypatch, capsys):
    """A process connected to others must not end in another way: see `exit_process`."""

    def fail(_arguments):
        raise RuntimeError("a fault")

    ends = []
    monkeypatch.setattr(main, "run", fail)
    monkeypatch.setattr(main, "exit_process", ends.append)
    main.main([])
    assert ends == [1]
    error = capsys.readouterr().err
    assert error.startswith("Traceback (most recent call last):\n")
    assert error.endswith("RuntimeError: a fault\n")
