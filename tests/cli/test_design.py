"""`foveal design`: on real digits and photographs, and that what it writes is taken back."""

import subprocess
import sys

import pytest

from foveal.cli.main import run
from foveal.model.architecture import load_network
from foveal.spec import yaml
from foveal.spec.recipe import Recipe


def test_digits_to_standard_output(digits, tmp_path, capsys):
    assert run(["design", str(digits)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(
        "# start from scratch: grey images of 8x8 pixels are smaller than the 64 from which on "
        "features of photographs serve\n"
        "# input.channels 1: the images are grey, whatever their files say\n"
        "# input 16x16: the median image has 8x8, enlarged to 16 pixels or more\n"
    )
    path = tmp_path / "piped.yaml"
    path.write_text(captured.out)
    assert load_network(path).input.shape == (16, 16, 1)
    assert "recipe:\n# epochs: as many as the budget allows" in captured.err


def test_written_files_are_taken_back_by_show(digits, tmp_path, capsys):
    out = tmp_path / "network.yaml"
    assert run(["design", str(digits), "--minutes", "2", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == (
        "recipe.epochs: as many as the budget allows, measured when training starts"
    )
    recipe = tmp_path / "network.recipe.yaml"
    assert captured.err == (
        f"written: {out} and {recipe}; edit them, then  foveal train {digits} --minutes 2 "
        f"--network {out} --recipe {recipe}\n"
    )
    assert yaml.load_yaml(recipe, Recipe) == Recipe()
    assert run(["show", str(out), "--classes", "10"]) == 0


def test_a_budget_of_nothing(digits, capsys):
    assert run(["design", str(digits), "--minutes", "0"]) == 2
    assert capsys.readouterr().err == "foveal: minutes received 0; give a number above 0\n"


def test_no_torch(digits):
    code = (
        "import sys; from foveal.cli.main import run; "
        f"status = run(['--quiet', 'design', {str(digits)!r}]); "
        "sys.stderr.write(f'{\"torch\" in sys.modules} {status}')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "False 0"


@pytest.mark.realdata
def test_photographs(realdata, tmp_path, capsys):
    out = tmp_path / "network.yaml"
    data = str(realdata("clothing10.zip"))
    assert run(["design", data, "--from", "scratch", "--out", str(out)]) == 0
    made = load_network(out)
    assert made.input.channels == 3
    assert made.preprocess.fit == "squash"
    assert "preprocess.fit squash: a crop would remove" in (capsys.readouterr().out)
