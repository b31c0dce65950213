"""The command line of a click is quoted so that a shell reads the same words."""

import ast
import json
import shlex
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from foveal.studio.repeat import repeat, repeat_change, repeat_in_project, repeat_upload
from foveal.studio.workspace import Workspace


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]))))
def test_words_survive_the_shell(words):
    assert shlex.split(repeat(words, "x")["command"]) == ["foveal", *words]


def test_python_imports_foveal():
    assert repeat([], "foveal.load('m')")["python"] == "import foveal\n\nfoveal.load('m')"


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(NAMES, st.lists(st.integers(0, 99), max_size=5), NAMES | st.none())
def test_a_change_is_the_same_in_the_shell_and_in_python(name, ids, label):
    entry = {"op": "label", "ids": ids, "label": label}
    found = repeat_change(Workspace(Path("/w")), name, entry)
    words = shlex.split(found["command"])
    assert words[:5] == ["foveal", "project", "/w", name, "--change"]
    assert json.loads(words[5]) == entry
    call = ast.parse(found["python"]).body[-1].body[0].value
    assert [each.value for each in call.args] == ["label"]
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert given == {"ids": ids, "label": label}


def test_a_change_of_very_many_images_has_no_line():
    entry = {"op": "leave_out", "ids": list(range(2000))}
    assert repeat_change(Workspace(Path("/w")), "p", entry) == {}


def test_an_upload_is_added_with_its_label():
    found = repeat_upload(
        Workspace(Path("/w")), "my cats", "a b.png", label="cat", split="test", group=None
    )
    assert found == {
        "command": "foveal project /w 'my cats' --add 'a b.png' --label cat --split test",
        "python": "import foveal\n\nwith foveal.open_project('my cats', '/w') as project:\n"
        "    project.add('a b.png', label='cat', split='test')",
    }


def test_an_export_names_its_folder():
    found = repeat_in_project(Workspace(Path("/w")), "p", ["--export", "/e"], "export('/e')")
    assert found["command"] == "foveal project /w p --export /e"
