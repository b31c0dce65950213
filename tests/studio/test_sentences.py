"""The Korean sentences of the studio's page against the source that writes the English ones."""

import ast
import json
import re
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = json.loads((ROOT / "web/src/studio/sentences.json").read_text())
PLACEHOLDER = re.compile(r"\{\w*\}")
STUDIO = ROOT / "foveal" / "studio"
ELSEWHERE = {
    *("start.py", "server.py", "open_project.py", "workspace.py", "security.py"),
    *("kept.py", "project/table.py", "runs/request.py", "project/journal.py"),
}
"""Modules whose errors are read in a terminal, or of a workspace that is damaged."""


def _template(node):
    """The text of a literal with {} for every value in it; None where it is no text."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(one.value if isinstance(one, ast.Constant) else "{}" for one in parts)


def _literals(path):
    tree = ast.parse(path.read_text())
    return {text for node in ast.walk(tree) if (text := _template(node))}


def _raised(path):
    """The sentences with which a module raises errors."""
    for node in ast.walk(ast.parse(path.read_text())):
        call = node.exc if isinstance(node, ast.Raise) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("Error"):
            yield from filter(None, map(_template, call.args))


def _text_length(template):
    return len(PLACEHOLDER.sub("", template))


def _accepts(template, sentence):
    """Whether a literal of the source can be most of a sentence of the table."""
    if _text_length(template) < _text_length(sentence) / 2:
        return False
    parts = map(re.escape, PLACEHOLDER.split(template))
    return re.fullmatch(".*".join(parts), sentence, re.DOTALL) is not None


@pytest.fixture(scope="module")
def literals():
    return set(chain.from_iterable(map(_literals, (ROOT / "foveal").rglob("*.py"))))


def test_every_sentence_is_one_that_foveal_writes(literals):
    composed = [english for english in TABLE if PLACEHOLDER.sub("{}", english) not in literals]
    stale = [
        english
        for english in composed
        if not any(
            _accepts(literal, text)
            for text in (english, re.sub(r"^\{\w+\}", "", english))
            for literal in literals
        )
    ]
    assert stale == []
    assert len(composed) < len(TABLE) / 8


def test_the_korean_has_no_value_that_the_english_has_not():
    for english, korean in TABLE.items():
        assert set(PLACEHOLDER.findall(korean)) <= set(PLACEHOLDER.findall(english)), english


@pytest.mark.parametrize(
    "path",
    [one for one in STUDIO.rglob("*.py") if str(one.relative_to(STUDIO)) not in ELSEWHERE],
    ids=lambda path: str(path.relative_to(STUDIO)),
)
def test_what_a_module_of_the_studio_raises_is_there_in_korean(path):
    known = {PLACEHOLDER.sub("{}", english) for english in TABLE}
    assert [text for text in _raised(path) if text not in known] == []
