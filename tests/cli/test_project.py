"""`foveal project`: images are added, labelled and exported; one sentence for what is wrong."""

import json

import pytest

from foveal.cli.main import run
from foveal.studio.workspace import open_workspace


@pytest.fixture
def workspace(tmp_path):
    with open_workspace(tmp_path / "studio") as opened:
        opened.create_project("digits")
    return str(tmp_path / "studio")


def test_a_project_is_filled_labelled_and_written(workspace, digits, tmp_path, capsys):
    change = json.dumps({"op": "label", "ids": [0], "label": None})
    words = ["--add", str(digits), "--change", change, "--export", str(tmp_path / "copies")]
    assert run(["project", workspace, "digits", *words, "--table", str(tmp_path / "t.jsonl")]) == 0
    said = capsys.readouterr()
    counts = {folder.name: len(list(folder.iterdir())) for folder in sorted(digits.iterdir())}
    counts["0"] -= 1
    assert said.out.splitlines() == [
        *(f"{name}  {count}" for name, count in counts.items()),
        "300 images, 1 without a label, 0 left out",
    ]
    assert said.err.splitlines()[0] == f"300 images added of {digits}"
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 299
    assert (tmp_path / "copies" / "unlabelled").is_dir()


def test_without_options_nothing_changes(workspace, capsys):
    assert run(["project", workspace, "digits"]) == 0
    assert capsys.readouterr().out == "0 images, 0 without a label, 0 left out\n"


@pytest.mark.parametrize("text", ["label", "[]", "{}", '{"op": 3}', "[" * 10_000])
def test_what_is_no_change(workspace, text, capsys):
    assert run(["project", workspace, "digits", "--change", text]) == 2
    assert capsys.readouterr().err == (
        f"foveal: --change is '{text[:80]}', which is no change: give a JSON object such as "
        '{"op": "label", "ids": [3], "label": "cat"}\n'
    )
