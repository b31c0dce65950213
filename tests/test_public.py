"""The public surface, and what importing it must not bring in."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import foveal

LAYERS = [
    "AvgPool",
    "BatchNorm",
    "Concat",
    "Conv",
    "Dense",
    "Dropout",
    "Dropout2d",
    "Elu",
    "Flatten",
    "Gelu",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "LayerNorm",
    "LayerScale",
    "LeakyRelu",
    "MaxPool",
    "Output",
    "Pad",
    "Relu",
    "Relu6",
    "Residual",
    "Sigmoid",
    "Silu",
    "SqueezeExcite",
    "Tanh",
]
VALUES = [
    "Dataset",
    "Error",
    "Input",
    "Network",
    "Predictor",
    "Preprocess",
    "Recipe",
]
RESULTS = [
    "CheckResult",
    "Comparison",
    "ConvolveResult",
    "DemoResult",
    "Design",
    "Embeddings",
    "ExportResult",
    "NetworkSummary",
    "OpenProject",
    "PackedShards",
    "Prediction",
    "PredictionFolder",
    "RouteResult",
    "Run",
    "Scores",
    "SearchResult",
    "SimilarImages",
]
VERBS = [
    "check",
    "compare",
    "convolve",
    "demo",
    "design",
    "embed",
    "evaluate",
    "explain",
    "export",
    "learn",
    "load",
    "pack",
    "predict",
    "predict_folder",
    "search",
    "selftest",
    "serve",
    "show",
    "similar",
    "train",
]
OTHER = ["__version__", "open_project", "progress"]
PUBLIC = sorted([*LAYERS, *VALUES, *RESULTS, *VERBS, *OTHER])


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


def test_every_layer_is_public():
    from foveal.spec.layers import LAYER_TYPES

    assert sorted(cls.__name__ for cls in LAYER_TYPES.values()) == LAYERS
    assert all(getattr(foveal, cls.__name__) is cls for cls in LAYER_TYPES.values())


def test_every_verb_is_public():
    folder = Path(foveal.__file__).parent / "verbs"
    rooms = {"cache", "pretrained"}  # foveal.cache and foveal.pretrained are modules
    parts = {
        "search_refit",
        "search_runs",
        "search_trials",
        "selftest_exports",
        "train_processes",
    }  # of the verb that they are named after
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"} - rooms - parts
    assert modules == set(VERBS)
    assert all(callable(getattr(foveal, verb)) for verb in VERBS)


def test_what_a_verb_returns_is_public():
    """Except an Explanation, whose module needs torch."""
    for verb in VERBS:
        returned = str(getattr(foveal, verb).__annotations__["return"])
        (name,) = re.findall(r"\b[A-Za-z]\w+(?=[\],]|$)", returned.split("[")[-1]) or [returned]
        assert name in [*RESULTS, "Predictor", "Explanation", "Path", "int"], verb


def test_no_public_name_needs_torch():
    code = (
        "import sys\nsys.modules['torch'] = None\nimport foveal\n"
        "for name in foveal.__all__: getattr(foveal, name)"
    )
    assert _run(code) == ""


def test_type_checkers_see_every_name():
    source = Path(foveal.__file__).read_text()
    typed = re.findall(r"import \w+ as (\w+)$", source, re.MULTILINE)
    assert sorted([*typed, "__version__"]) == PUBLIC


def test_progress_is_a_module():
    assert isinstance(foveal.progress.bar(), foveal.progress.Progress)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match=r"^module 'foveal' has no attribute 'trian'$"):
        _ = foveal.trian


def test_output_paths_may_be_strings(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    foveal.check(digits, report="check.html")
    foveal.design(digits, out="network.yaml")
    foveal.show("lenet5", out="lenet5.svg")
    foveal.convolve(np.eye(4), "blur", out="map.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "check.html",
        "lenet5.svg",
        "map.png",
        "network.recipe.yaml",
        "network.yaml",
    ]


HEAVY = (
    "[m for m in ('torch', 'sklearn', 'onnxruntime', 'fastapi', 'PIL', 'numpy')"
    " if m in sys.modules]"
)


def test_import_brings_in_nothing_heavy():
    assert _run(f"import foveal, sys; print({HEAVY})") == "[]"


def test_exported_files_load_without_torch(digits_run, digits, tmp_path):
    file = foveal.export(digits_run / "model.safetensors", out=tmp_path / "model.onnx").path
    image = next(digits.rglob("*.png"))
    code = (
        "import sys, foveal\n"
        f"model = foveal.load({str(file)!r})\n"
        f"label = next(model.predict({str(image)!r})).label\n"
        f"rows = model.predict_proba([{str(image)!r}])\n"
        "print(label == model.labels[rows[0].argmax()], 'torch' in sys.modules)"
    )
    assert _run(code) == "True False"


def test_help_brings_in_nothing_heavy():
    code = (
        "import sys, contextlib, io\n"
        "from foveal.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()): status = run(['--help'])\n"
        f"print(status, {HEAVY})"
    )
    assert _run(code) == "0 []"
