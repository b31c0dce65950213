"""onnxruntime is loaded without its telemetry, by every module that uses it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import foveal
from foveal.prediction.runtime import DISABLE_TELEMETRY

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
