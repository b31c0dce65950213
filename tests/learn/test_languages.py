"""A third language of the course is one file, built in a copy; a missing text is an error."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
WEB = HERE.parents[1] / "web"
LANGUAGE = """
import { tables, type Language } from '../tables'
const translated = Object.entries(tables).map(([table, words]) => [
  table,
  Object.fromEntries(Object.entries(words).map(([key, [english]]) => [key, `xx ${english}`])),
])
export default { code: 'xx', name: 'Xx', texts: Object.fromEntries(translated) } satisfies Language
"""
INCOMPLETE = """
import type { Language } from '../tables'
declare const texts: Language['texts']
export default {
  code: 'xx',
  name: 'Xx',
  texts: { ...texts, camera: { camera: 'a', capture: 'b', stop: 'c', noCamera: 'd' } },
} satisfies Language
"""


@pytest.fixture
def copied(tmp_path):
    """web/ without its tests in a folder of its own, beside an empty foveal/pages."""
    copy = tmp_path / "web"
    shutil.copytree(WEB, copy, ignore=shutil.ignore_patterns("node_modules", "tests"))
    (copy / "node_modules").symlink_to(WEB / "node_modules")
    (copy / "src" / "learn" / "languages").mkdir()
    (tmp_path / "foveal" / "pages").mkdir(parents=True)
    return copy


def run(*command, cwd):
    return subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=cwd)


def test_a_file_is_a_language(copied, tmp_path):
    (copied / "src" / "learn" / "languages" / "xx.ts").write_text(LANGUAGE)
    built = run("node", "build.mjs", "learn", cwd=copied)
    assert built.returncode == 0, built.stderr[-3000:]
    page = tmp_path / "foveal" / "pages" / "learn.html"
    shown = run("node", HERE / "languages.mjs", page, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr[-3000:]


def test_a_missing_text_is_an_error_of_the_type_check(copied):
    path = copied / "src" / "learn" / "languages" / "xx.ts"
    path.write_text(INCOMPLETE)
    options = "--noEmit --strict --target es2022 --module esnext --moduleResolution bundler"
    compiler = copied / "node_modules" / ".bin" / "tsc"
    checked = run(compiler, *options.split(), "--ignoreConfig", path, cwd=copied)
    assert checked.returncode != 0
    assert "Property 'cameraError' is missing in type" in checked.stdout
    path.write_text(INCOMPLETE.replace("stop: 'c'", "stop: 'c', cameraError: 'e'"))
    whole = run(compiler, *options.split(), "--ignoreConfig", path, cwd=copied)
    assert (whole.stdout, whole.returncode) == ("", 0)
