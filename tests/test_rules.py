"""Rules the whole package keeps: nothing that can run code from a file, no forgotten work."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "foveal"
MODULES = sorted(PACKAGE.rglob("*.py"))

NEVER = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}
NEVER_CALLED = {"eval", "exec", "torch.load", "torch.jit.load", "torch.export.load", "yaml.load"}
TORCH_AT_TOP = (
    "training/",
    "explanation/",
    "exporting/",
    "evaluation/",
    "network/build",
    "network/blocks",
    "network/codegen",
    "network/fused/",
    "model/model",
)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _loads_weights_only(relative: str, node: ast.Call) -> bool:
    """Whether it is the one allowed torch.load: restricted to tensors, in one module."""
    weights_only = [
        word.value.value
        for word in node.keywords
        if word.arg == "weights_only" and isinstance(word.value, ast.Constant)
    ]
    return (
        relative == "pretrained/torch_file.py"
        and _name(node.func) == "torch.load"
        and weights_only == [True]
    )


def _top_imports(tree: ast.Module) -> set[str]:
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_keeps_the_rules(path):
    tree = ast.parse(path.read_text())
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert not imported & NEVER
    relative = path.relative_to(PACKAGE).as_posix()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            assert _name(node.func) not in NEVER_CALLED or _loads_weights_only(relative, node)
            assert not any(
                word.arg == "shell" and getattr(word.value, "value", None) for word in node.keywords
            )
    if "torch" in _top_imports(tree):
        assert relative.startswith(TORCH_AT_TOP), f"{relative} imports torch at module level"
    assert ast.get_docstring(tree), f"{relative} does not say what it does"


def test_every_room_is_named_in_the_architecture():
    text = (PACKAGE.parent / "ARCHITECTURE.md").read_text()
    rooms = [p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").is_file()]
    assert [room for room in rooms if f"{room}/" not in text] == []


TESTED_ELSEWHERE = {
    "cli/demo": "tests/verbs/test_demo.py runs the command",
    "cli/options": "types of options; tests/cli runs the commands that have them",
    "cli/prediction_output": "tests/cli/test_predict.py compares whole outputs",
    "dataset/archives/archive_entry": "test_zip_entries.py and test_tar_entries.py list them",
    "dataset/tables/label_cells": "test_table.py reads every kind of cell",
    "dataset/tables/parquet_image": "test_parquet.py reads images inside Parquet",
    "dataset/tables/table_text": "test_table.py reads every encoding and dialect",
    "network/fused/convolution_gradients": "tests/network/fused/test_kernels.py compares each",
    "serving/middleware/head": "tests/serving/test_app.py asks with HEAD",
    "spec/messages": "tests/spec/test_yaml.py and test_layers.py assert its sentences",
    "spec/preprocess": "tests/spec/test_network.py",
    "spec/values": "tests/spec/test_layers.py and test_network.py",
    "spec/yaml_document": "tests/spec/test_yaml.py reads hostile, odd and any texts",
    "training/events": "values without code; tests/training/test_loop.py reads them",
    "training/run/context": "values without code; tests/training/conftest.py makes one a run",
}


def test_every_module_has_a_test_file_of_its_name():
    tests = Path(__file__).resolve().parent
    modules = {path.relative_to(PACKAGE).with_suffix("") for path in MODULES}
    untested = {
        module.as_posix()
        for module in modules
        if not module.name.startswith("__")
        and not (tests / module.parent / f"test_{module.name}.py").is_file()
    }
    assert untested == set(TESTED_ELSEWHERE)
