"""The command line of a click is quoted so that a shell reads the same words."""

import shlex

from hypothesis import given
from hypothesis import strategies as st

from foveal.studio.repeat import repeat


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]))))
def test_words_survive_the_shell(words):
    assert shlex.split(repeat(words, "x")["command"]) == ["foveal", *words]


def test_python_imports_foveal():
    assert repeat([], "foveal.load('m')")["python"] == "import foveal\n\nfoveal.load('m')"
