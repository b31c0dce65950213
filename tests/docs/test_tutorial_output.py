"""What the tutorial shows is what its commands print."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "tutorial_output.py"


@pytest.fixture(scope="module")
def script():
    spec = spec_from_file_location("tutorial_output", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tutorial_shows_what_its_commands_print(script, tmp_path):
    text = script.PAGE.read_text("utf-8")
    assert script.refreshed(text, tmp_path, epochs=2).count("\n") == text.count("\n")


def test_a_line_that_is_not_printed_is_an_error(script, tmp_path):
    page = "```bash\necho 'accuracy: 0.5'\n```\n\n```text\naccuracy: 0.9\n```\n"
    assert "accuracy: 0.5" in script.refreshed(page, tmp_path).split("```text")[1]
    with pytest.raises(ValueError, match=r"the run prints no line like\n  recall: 0\.9"):
        script.refreshed(page.replace("accuracy: 0.9", "recall: 0.9"), tmp_path)
