"""onnxruntime is loaded without its telemetry, by every module that uses it."""

import ast
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import foveal
from foveal.prediction.runtime import DISABLE_TELEMETRY, quiet_stderr, runtime_error

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


def test_what_is_quiet_in_two_threads_is_heard_again(capfd):
    entered, left = threading.Event(), threading.Event()

    def first():
        with quiet_stderr():
            entered.set()
            left.wait(0.2)  # the other would come in, were it not for the lock
        os.write(2, b"heard")

    def second():
        entered.wait(60)
        with quiet_stderr():
            os.write(2, b"not heard")
        left.set()

    with ThreadPoolExecutor() as pool:
        for done in (pool.submit(first), pool.submit(second)):
            done.result(60)
    os.write(2, b" twice")
    assert capfd.readouterr().err.endswith(" twice")


def test_without_a_standard_error_nothing_is_quietened(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with quiet_stderr():
        pass
