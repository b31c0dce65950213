"""What the tutorial shows is what its commands print."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def module_of(path):
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    sys.modules[path.stem] = module  # where its dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script():
    return module_of(HERE.parents[1] / "docs" / "tutorial_output.py")


@pytest.fixture
def foveal_on_path(monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)


def test_the_tutorial_shows_what_its_commands_print(
    script, tmp_path, monkeypatch, foveal_on_path, forked_in_shells
):
    """Its `foveal` lines run as in test_blocks.py, which spares ten starts.

    Then the blocks run of which nothing is shown; test_blocks.py leaves this page out.
    """
    blocks, run = module_of(HERE / "test_blocks.py"), script._run

    def run_here(language, body, folder):
        if language != "bash":
            return run(language, body, folder)
        status, told = blocks.run_bash(body)
        assert status == 0, told
        return told

    monkeypatch.setattr(script, "_run", run_here)
    monkeypatch.chdir(tmp_path)
    text = script.PAGE.read_text("utf-8")
    assert script.refreshed(text, tmp_path, epochs=2).count("\n") == text.count("\n")
    names = {"__name__": "__main__"}
    for block in blocks.to_run(script.PAGE):
        if any(word in block.text for word in script.NOT_RUN):
            blocks.run_block(block, tmp_path, names)


def test_a_line_that_is_not_printed_is_an_error(script, tmp_path):
    page = "```bash\necho 'accuracy: 0.5'\n```\n\n```text\naccuracy: 0.9\n```\n"
    assert "accuracy: 0.5" in script.refreshed(page, tmp_path).split("```text")[1]
    with pytest.raises(ValueError, match=r"the run prints no line like\n  recall: 0\.9"):
        script.refreshed(page.replace("accuracy: 0.9", "recall: 0.9"), tmp_path)
