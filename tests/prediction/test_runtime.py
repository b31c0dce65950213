"""onnxruntime is loaded without its telemetry, by every module that uses it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import foveal
from foveal.prediction.runtime import DISABLE_TELEMETRY, runtime_error

PACKAGE = Path(foveal.__file__).parent


def _imports_onnxruntime(tree: ast.Module) -> bool:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return any(name.split(".")[0] == "onnxruntime" for name in names)


def test_no_module_loads_it_otherwise():
    users = {
        str(path.relative_to(PACKAGE)): path.read_text()
        for path in PACKAGE.rglob("*.py")
        if _imports_onnxruntime(ast.parse(path.read_text()))
    }
    assert "prediction/runtime.py" in users
    for name, text in users.items():
        assert "load_onnxruntime()" in text, name


def _run(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import os; from foveal.prediction.runtime import load_onnxruntime; "
        f"load_onnxruntime().SessionOptions(); print(os.environ['{DISABLE_TELEMETRY}'])"
    )
    kept = {k: v for k, v in os.environ.items() if k not in (DISABLE_TELEMETRY, "XDG_CACHE_HOME")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def test_no_identifier_of_the_machine_is_written(tmp_path: Path):
    assert _run(tmp_path).stdout == "1\n"
    assert list(tmp_path.iterdir()) == []


def test_a_value_of_the_environment_stays(tmp_path: Path):
    assert _run(tmp_path, **{DISABLE_TELEMETRY: "true"}).stdout == "true\n"


def test_what_a_runtime_says_is_one_line_that_can_be_shown():
    error = RuntimeError("Invalid model.\n\tNode input 'a\x1b[2J\x07' is not\n there" + "x" * 300)
    assert str(runtime_error(Path("a.onnx"), error)) == (
        "a.onnx cannot be run: Invalid model. Node input 'a\\x1b[2J\\x07' is not there"
        + "x" * 153
        + "; export the model again"
    )
    assert str(runtime_error(Path("a.onnx"), RuntimeError())) == (
        "a.onnx cannot be run: RuntimeError; export the model again"
    )
