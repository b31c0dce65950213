"""The public surface, and what importing it must not bring in."""

import subprocess
import sys

import numpy as np
import pytest

import foveal
from foveal.verbs.convolve import convolve

PUBLIC = [
    "AvgPool", "BatchNorm", "Conv", "Dense", "Dropout", "Error", "Flatten", "MaxPool", "Network",
    "Output", "Predictor", "Recipe", "Relu", "Residual", "__version__", "check", "design",
    "evaluate", "explain", "export", "load", "serve", "show", "train",
]  # fmt: skip


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_public_names_are_exactly_these():
    assert sorted(foveal.__all__) == PUBLIC
    assert dir(foveal) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads(name):
    assert getattr(foveal, name) is not None


def test_the_progress_bar_is_at_hand():
    assert _run("import foveal; print(type(foveal.progress.bar()).__name__)") == "ProgressLine"


def test_an_unknown_name_says_so():
    with pytest.raises(AttributeError, match=r"^module 'foveal' has no attribute 'trian'$"):
        _ = foveal.trian


def test_what_is_written_may_be_named_by_a_string(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    foveal.check(digits, report="check.html")
    foveal.design(digits, out="network.yaml")
    foveal.show("lenet5", out="lenet5.svg")
    convolve(np.eye(4), "blur", out="map.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "check.html", "lenet5.svg", "map.png", "network.recipe.yaml", "network.yaml",
    ]  # fmt: skip


HEAVY = (
    "[m for m in ('torch', 'sklearn', 'onnxruntime', 'fastapi', 'PIL', 'numpy')"
    " if m in sys.modules]"
)


def test_import_brings_in_nothing_heavy():
    assert _run(f"import foveal, sys; print({HEAVY})") == "[]"


def test_help_brings_in_nothing_heavy():
    code = (
        "import sys, contextlib, io\n"
        "from foveal.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()): status = run(['--help'])\n"
        f"print(status, {HEAVY})"
    )
    assert _run(code) == "0 []"
