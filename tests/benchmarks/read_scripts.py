"""Prints as JSON what scripts of benchmarks/ import or name that is not there, and where.

python read_scripts.py ROOT. Imports every script in benchmarks/ itself; those in peers/ need what
is not installed and are only read. Programs within strings are read too, and imports in functions.
"""

import ast
import importlib
import json
import sys
import textwrap
from pathlib import Path

ROOT = Path(sys.argv[1])
BENCHMARKS = ROOT / "benchmarks"
OWN = {path.stem for path in BENCHMARKS.glob("*.py")} | {"figures", "readme_table"}


def main():
    sys.path[:0] = [str(BENCHMARKS), str(ROOT / "docs")]
    wrong = {}
    for path in sorted(BENCHMARKS.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = [why for part in (tree, *embedded(tree)) for why in unknown_names(part)]
        if path.parent == BENCHMARKS:
            try:
                importlib.import_module(path.stem)
            except Exception as error:
                found.append(f"{type(error).__name__}: {error}")
        if found:
            wrong[path.relative_to(BENCHMARKS).as_posix()] = found
    json.dump(wrong, sys.stdout)


def embedded(tree):
    """The programs that a script holds as text."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "foveal" in node.value
        ):
            try:
                yield ast.parse(textwrap.dedent(node.value))
            except SyntaxError:
                continue  # prose


def unknown_names(tree):
    """Modules, what is imported from them, and attributes of modules that do not exist."""
    modules = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if is_ours(alias.name):
                    yield from missing(alias.name)
                    modules[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and is_ours(node.module):
            yield from missing(node.module)
            for alias in node.names:
                if not is_there(node.module, alias.name):
                    yield f"line {node.lineno}: {node.module} has no {alias.name}"
                elif f"{node.module}.{alias.name}" in sys.modules:
                    modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    yield from unknown_pairs(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in modules:
            module = modules[ast.unparse(node.value)]
            if not is_there(module, node.attr):
                yield f"line {node.lineno}: {module} has no {node.attr}"


def unknown_pairs(tree):
    """Of pairs of a module and a name in it, as they are patched, those that do not exist."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            module, name = (getattr(part, "value", None) for part in node.elts)
            if isinstance(module, str) and module.startswith("foveal.") and isinstance(name, str):
                yield from missing(module)
                if not is_there(module, name):
                    yield f"line {node.lineno}: {module} has no {name}"


def is_ours(module):
    return module is not None and module.partition(".")[0] in {"foveal", *OWN}


def missing(module):
    try:
        importlib.import_module(module)
    except ImportError as error:
        yield str(error)


def is_there(module, name):
    if module in sys.modules and hasattr(sys.modules[module], name):
        return True
    try:
        importlib.import_module(f"{module}.{name}")
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    main()
