"""The Korean sentences of the studio's page against the source that writes the English ones."""

import ast
import errno
import json
import os
import re
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOVEAL = ROOT / "foveal"
TABLES = {
    path.stem: json.loads(path.read_text())
    for path in sorted((ROOT / "web/src").glob("*/sentences/*.json"))
}
TABLE = {english: korean for table in TABLES.values() for english, korean in table.items()}
OURS = [english for name, table in TABLES.items() if name != "yaml" for english in table]
"""All but what libyaml says, which test_korean causes."""
PLACEHOLDER = re.compile(r"\{[^{}]*\}")
PROSE = re.compile(r"[a-z]+ [a-z]+ [a-z]+")
"""What no name or value has: three words in a row."""
STUDIO = FOVEAL / "studio"
ELSEWHERE = {
    *("start.py", "server.py", "open_project.py", "workspace.py", "security.py"),
    *("kept.py", "project/table.py", "project/recent.py", "runs/request.py", "project/journal.py"),
}
"""Modules whose errors are read in a terminal, or of a workspace that is damaged."""
CHECKER = ("messages.py", "layers.py", "network.py", "pooling.py", "preprocess.py")
CHECKER_FILES = (
    *(FOVEAL / "spec" / name for name in CHECKER),
    *(FOVEAL / "network" / name for name in ("lint.py", "lint_warnings.py", "shapes.py")),
)
"""Modules whose sentences stand at a layer while it is edited."""
LOG_FILES = (
    *sorted((FOVEAL / "training" / "run").glob("*.py")),
    *(FOVEAL / "training" / "setup" / name for name in ("data.py", "training_data.py")),
    FOVEAL / "evaluation" / "report.py",
    FOVEAL / "cli" / "train.py",
)
"""Modules that write lines of a run's log, or notices of its report."""
REFUSING_FILES = (
    *(FOVEAL / "training" / name for name in ("checkpoint.py", "gradients.py", "state.py")),
    *sorted((FOVEAL / "training" / "transfer").glob("*.py")),
    *(FOVEAL / "training" / "run" / name for name in ("final_validation.py", "resume.py")),
    *(
        FOVEAL / "training" / "setup" / name
        for name in ("checks.py", "defaults.py", "plan.py", "resumed_session.py")
    ),
    *(
        FOVEAL / "dataset" / "tables" / name
        for name in ("columns.py", "table_text.py", "metadata.py")
    ),
    *(FOVEAL / "dataset" / "archives" / name for name in ("archive.py", "archive_member.py")),
)
"""Modules whose errors end a run of the studio, or refuse a table or archive that is added."""
SEVERAL_PROCESSES = {
    "{} processes share every batch, but batches have {} of the {}; start fewer processes, or give "
    "a larger --set batch_size"
}
"""Of these what a run of one process never says."""
NOT_SHOWN = {"building a network", "the first value must be below the second"}
"""Of the checker: what needs an extra, and the text of a rule that a longer sentence stands for."""
MIN_LENGTH = 10
"""Characters of a template for several sentences of the source."""
REASON_FILES = ("plan.py", "fine_tuning.py")
"""Modules of the setup that give reasons for what was chosen in a run."""
WITHOUT_A_TASK = {
    *("scale", "serving", "cli", "exporting/litert", "exporting/pytorch", "dataset/shards"),
    *("verbs/selftest.py", "verbs/search.py", "verbs/embed.py", "verbs/evaluate.py"),
    *("evaluation/evaluate.py", "pretrained/download.py"),
}
"""Rooms and modules whose progress the studio never shows."""


def _template(node):
    """The text that a node makes with {} for every value in it; None where it is no text."""
    match node:
        case ast.Constant(value=str(text)):
            return PLACEHOLDER.sub("{}", text)
        case ast.JoinedStr(values=parts):
            return "".join(one.value if isinstance(one, ast.Constant) else "{}" for one in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            texts = [
                None if isinstance(side, ast.Call) else _template(side) for side in (left, right)
            ]
            return "".join(one or "{}" for one in texts) if any(texts) else None
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join")):
            return f"{{}}{text}{{}}"


def _plurals(node):
    """Both forms of a counted noun: plural(n, "image")."""
    match node:
        case ast.Call(func=ast.Name(id="plural"), args=[_, ast.Constant(value=one), *many]):
            yield from (f"{{}} {one}", f"{{}} {many[0].value if many else one + 's'}")


def _literals(path):
    for node in ast.walk(ast.parse(path.read_text())):
        yield from _plurals(node)
        if text := _template(node):
            yield text


def _nodes(path, kind):
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kind))


def _raised(path):
    """The sentences with which a module raises errors."""
    for node in _nodes(path, ast.Raise):
        if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func).endswith("Error"):
            yield from filter(None, map(_template, node.exc.args))


def _prose(tree):
    """The sentences of a tree; docstrings and the parts of a sentence apart."""
    text = _template(tree)
    if text is not None:
        yield from (text,) if PROSE.search(text) else ()
        return
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield from _prose(child)


def _reports(path):
    """What a module reports as progress: what it does, and the note."""
    for node in _nodes(path, ast.Call):
        if ast.unparse(node.func).endswith("progress"):
            arguments = [*node.args[:1], *node.args[3:4]]
            yield from filter(None, map(_template, arguments))


def _log_lines(path):
    """The lines that a module passes to progress.message, yields, or makes as text."""
    for node in _nodes(path, ast.Call):
        if ast.unparse(node.func).endswith("progress.message"):
            yield from _prose(node.args[0])
    for function in _nodes(path, ast.FunctionDef):
        if ast.unparse(function.returns or ast.Constant(None)) in ("str", "Iterator[str]"):
            for node in ast.walk(function):
                if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                    yield from _prose(node.value)


def _text_length(template):
    return len(PLACEHOLDER.sub("", template))


def _accepts(template, sentence):
    """Whether a literal of the source can be most of a sentence of the table."""
    if _text_length(template) < _text_length(sentence) / 2:
        return False
    return _matches(template, sentence)


def _matches(template, text):
    """Whether a text is the template with something in its places."""
    parts = PLACEHOLDER.split(template)
    if not all(part in text for part in parts):
        return False
    return re.fullmatch(".*".join(map(re.escape, parts)), text, re.DOTALL) is not None


def _is_written(english, literals):
    """Whether Foveal makes the sentence of one literal or of several."""
    texts = (english, re.sub(r"^\{\w+\}", "", english))
    return any(
        any(_accepts(literal, text) for text in texts)
        or (_text_length(english) >= MIN_LENGTH and _matches(english, literal))
        for literal in literals
    )


def _unknown(sentences):
    known = {*(PLACEHOLDER.sub("{}", english) for english in TABLE), *NOT_SHOWN}
    return sorted({text for text in sentences if text not in known})


@pytest.fixture(scope="module")
def literals():
    system = map(os.strerror, (errno.ENOENT, errno.EACCES))
    return {*chain.from_iterable(map(_literals, FOVEAL.rglob("*.py"))), *system}


def test_every_sentence_is_one_that_foveal_writes(literals):
    composed = [english for english in OURS if PLACEHOLDER.sub("{}", english) not in literals]
    stale = [english for english in composed if not _is_written(english, literals)]
    assert stale == []
    assert len(composed) < len(OURS) / 8


def test_a_sentence_stands_in_one_table():
    counts = Counter(chain.from_iterable(TABLES.values()))
    assert [english for english, count in counts.items() if count > 1] == []


def test_the_korean_has_no_value_that_the_english_has_not():
    for english, korean in TABLE.items():
        assert set(PLACEHOLDER.findall(korean)) <= set(PLACEHOLDER.findall(english)), english


@pytest.mark.parametrize(
    "path",
    [one for one in STUDIO.rglob("*.py") if str(one.relative_to(STUDIO)) not in ELSEWHERE],
    ids=lambda path: str(path.relative_to(STUDIO)),
)
def test_what_a_module_of_the_studio_raises_is_there_in_korean(path):
    assert _unknown(_raised(path)) == []


@pytest.mark.parametrize("path", CHECKER_FILES, ids=lambda path: path.name)
def test_what_the_checker_of_a_network_says_is_there_in_korean(path):
    assert _unknown(_prose(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize("path", REFUSING_FILES, ids=lambda path: path.name)
def test_what_training_and_tables_refuse_is_there_in_korean(path):
    assert set(_unknown(_raised(path))) <= SEVERAL_PROCESSES


def test_why_data_cannot_be_trained_on_is_there_in_korean():
    tree = ast.parse((FOVEAL / "doctor" / "trainable.py").read_text())
    assert _unknown(_prose(tree)) == [" of train and val"]  # a part of a longer sentence


@pytest.mark.parametrize("path", LOG_FILES, ids=lambda path: path.name)
def test_the_lines_of_a_log_are_there_in_korean(path):
    assert _unknown(_log_lines(path)) == []


@pytest.mark.parametrize("name", REASON_FILES)
def test_the_reasons_of_a_plan_are_there_in_korean(name):
    tree = ast.parse((FOVEAL / "training" / "setup" / name).read_text())
    written = (text.removeprefix(", ") for text in _prose(tree))
    known = {text.split("}, ")[-1] for text in TABLE if text.startswith("{reason}, ")}
    assert _unknown(text for text in written if text not in known) == []


def test_what_tasks_report_is_there_in_korean():
    shown = (
        path
        for path in sorted(FOVEAL.rglob("*.py"))
        if not any(path.is_relative_to(FOVEAL / each) for each in WITHOUT_A_TASK)
    )
    assert _unknown(chain.from_iterable(map(_reports, shown))) == []


def test_what_an_export_refuses_is_there_in_korean():
    rooms = (FOVEAL / "exporting", FOVEAL / "exporting" / "page")
    paths = chain.from_iterable(room.glob("*.py") for room in rooms)
    refused = chain.from_iterable(map(_raised, paths))
    assert _unknown(refused) == []
