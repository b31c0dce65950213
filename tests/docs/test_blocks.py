"""Every command and every piece of Python in the README files and under docs/ is run.

A fence names its language. `bash` and `python` are run, page by page from top to bottom, in one
folder that holds images/ (digits, a sub-folder a class), photos/ (a few of them), photos.zip (some
without folders), new/one.jpg, new/two.jpg, one.jpg, cat.jpg, run/ (a trained model) and
foveal-studio/ with the project `leaves` (photos/). No browser opens. Words after the language are
marks: `long` (only run by `make docs-long`), `status=N` (the last command ends with this exit
status), `elsewhere` (needs what a test has not, such as docker). `make` is never run. Three things
are changed before a block runs: training takes one epoch instead of minutes or many epochs, port
8080 becomes a free one, and a studio is stopped when it has started.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from foveal.cli.main import run as cli
from foveal.studio.open_project import open_project
from foveal.studio.workspace import open_workspace

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("README*.md")), ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
TUTORIAL = DOCS / "tutorial.md"
"""Its blocks run in test_tutorial_output.py, which also looks at what they print."""
LONG = os.environ.get("DOCS_LONG") == "1"

RUN = {"bash", "python"}
READ = {
    "text",
    "yaml",
    "json",
    "js",
    "csv",
    "dockerfile",
    "kotlin",
    "nginx",
    "swift",
    "ini",
    "mermaid",
    "{eval-rst}",
    "{figure}",
    "{toctree}",
}
"""Languages of blocks that are only read; every other fence is a mistake."""

FENCE = re.compile(r"^(?P<bar>`{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=bar)[ \t]*$", re.M | re.S)
READY = """
for turn in $(seq 200); do
  curl -s -o /dev/null http://127.0.0.1:8080/v2/health/ready && break; sleep 0.1
done
"""
STOP = 'kill -TERM "$server"; wait "$server" || test $? = 143\n'


@dataclass(frozen=True)
class Block:
    """One fence: where it starts, its language, its marks and what it holds."""

    page: Path
    line: int
    language: str
    marks: tuple[str, ...]
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def status(self) -> int:
        return int(next((m[7:] for m in self.marks if m.startswith("status=")), 0))


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        language, *marks = found["info"].split() or [""]
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, language, tuple(marks), found["text"])


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_fence_names_a_language_and_known_marks(page):
    for block in blocks(page):
        assert block.language in RUN | READ, f"{block.where}: language '{block.language}'"
        known = {"long", "elsewhere", f"status={block.status}"}
        if not block.language.startswith("{"):  # what follows is the directive's argument
            assert set(block.marks) <= known, f"{block.where}: marks {block.marks}"


def to_run(page: Path) -> list[Block]:
    return [
        block
        for block in blocks(page)
        if block.language in RUN
        and "elsewhere" not in block.marks
        and (LONG or "long" not in block.marks)
        and not block.text.startswith("make ")
    ]


@pytest.fixture(scope="session")
def model_run(digits, made_once):
    """A run that `foveal train` made of the digits in a few seconds."""

    def make(folder):
        from foveal.verbs.train import train

        train(digits, epochs=4, out=folder)

    return made_once("documents-run", make)


@pytest.fixture
def home(digits, model_run, tmp_path, monkeypatch):
    """The folder a page runs in."""
    shutil.copytree(digits, tmp_path / "images")
    shutil.copytree(model_run, tmp_path / "run")
    (tmp_path / "new").mkdir()
    for new, old in (("one", "3"), ("two", "8")):
        path = sorted((digits / old).iterdir())[0]
        Image.open(path).save(tmp_path / "new" / f"{new}.jpg", quality=95)
    _photos_and_project(tmp_path)
    monkeypatch.setattr("webbrowser.open", lambda *_, **__: True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    return tmp_path


def _photos_and_project(place: Path) -> None:
    for name in ("one.jpg", "cat.jpg"):
        shutil.copy(place / "new" / "one.jpg", place / name)
    for kind in ("1", "4", "7"):
        for path in sorted((place / "images" / kind).iterdir())[:12]:
            (place / "photos" / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place / "photos" / kind)
    with zipfile.ZipFile(place / "photos.zip", "w") as archive:
        for path in sorted((place / "images" / "9").iterdir())[:12]:
            archive.write(path, path.name)
    with open_workspace(place / "foveal-studio") as workspace:
        workspace.create_project("leaves")
    with open_project("leaves", place / "foveal-studio") as project:
        project.add(place / "photos")


def pages_to_run() -> list[Path]:
    """The pages with blocks to run; of those with the same blocks, as in two languages, one."""
    distinct = {
        tuple(
            (block.language, block.marks, without_remarks(block.text)) for block in to_run(page)
        ): page
        for page in reversed(PAGES)
    }
    here = [page for page in PAGES if page in distinct.values() and to_run(page)]
    return [page for page in here if LONG or page != TUTORIAL]


def without_remarks(text: str) -> str:
    """`text` without what stands in each language after a command."""
    return re.sub(r"[ \t]+# .*", "", text)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", pages_to_run(), ids=name)
def test_every_block_runs(page, home, forked_in_shells):
    names: dict[str, object] = {"__name__": "__main__"}
    for block in to_run(page):
        run_block(block, home, names)


def run_block(block: Block, home: Path, names: dict[str, object]) -> None:
    """Run it in the folder `home`, where the process is; names: those of the page's Python."""
    text = shortened(block.text)
    empty_what_is_trained_into(text, home)
    if "curl " in text and not shutil.which("curl"):
        pytest.skip("needs curl")
    with fresh_port(text) as text:
        if block.language == "bash":
            got, told = run_bash(text)
        elif re.search(r"\bserve\(", text):
            got, told = run_server(text)
        else:
            got, told = run_python(text, block, names)
    assert got == block.status, f"{block.where}: exit status {got}\n{text}\n{told}"


def shortened(text: str) -> str:
    """Training for one epoch instead of minutes or more than two epochs.

    In `make docs-long` a fifth of a minute instead of minutes, and all the epochs.
    """
    given, word = ("--minutes 0.2", "minutes=0.2") if LONG else ("--epochs 1", "epochs=1")
    text = re.sub(
        r"(foveal +train (?:(?!--minutes|--epochs|--resume|[#\\\n|&;]).)+?)(?=\s*(?:#.*)?$)",
        rf"\1 {given}",
        text,
        flags=re.M,
    )
    text = re.sub(r"(foveal +train [^\n]*?)--minutes +[\d.]+", rf"\1{given}", text)
    text = re.sub(r"(\btrain\([^)]*?)minutes=[\d.]+", rf"\1{word}", text)
    if LONG:
        return text
    text = re.sub(r"(foveal +train [^\n]*?)--epochs +(?:[3-9]|\d\d+)\b", r"\1--epochs 1", text)
    return re.sub(r"(\btrain\([^)]*?)epochs=(?:[3-9]|\d\d+)\b", r"\1epochs=1", text)


def empty_what_is_trained_into(text: str, home: Path) -> None:
    """A run's folder must be new: what another block left there goes, but not for --resume."""
    for line in re.findall(r"foveal +train [^\n#]*|\btrain\([^)]*\)", text):
        found = re.search(r"--out[ =]+(\S+)|out=\"([^\"]+)\"", line)
        if found and "resume" not in line:
            shutil.rmtree(home / (found[1] or found[2]), ignore_errors=True)


@contextlib.contextmanager
def fresh_port(text: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = re.compile(r"^(foveal +serve [^\n#]*?)[ \t]*(#.*)?$", re.M)
    if serving.search(text):
        text = serving.sub(rf"\1 --workers 1 --port {port} & server=$!{READY}", text)
        text += f"\n{STOP}"
    studio = re.compile(r"^(foveal +studio\b[^\n#]*?)[ \t]*(#.*)?$", re.M)
    text = studio.sub(rf"\1 --no-browser --port {port} & server=$!{READY}{STOP}", text)
    yield text.replace("8080", str(port))


def plain(text: str) -> list[list[str]] | None:
    """The words of each line where all are plain `foveal` commands, else None."""
    lines = []
    for line in text.replace("\\\n", " ").splitlines():
        reader = shlex.shlex(line, posix=True, punctuation_chars=True)
        reader.whitespace_split = True
        words = list(reader)
        if not words:
            continue
        if words[0] != "foveal" or re.search(r"[$`~]", line) or words[1] in ("serve", "studio"):
            return None
        if any(set(word) <= set("();<>|&") for word in words):
            return None
        lines.append([found for word in words[1:] for found in expanded(word)])
    return lines


def expanded(word: str) -> list[str]:
    return sorted(map(str, Path().glob(word))) or [word] if "*" in word else [word]


def run_bash(text: str) -> tuple[int, str]:
    """Status and words of the block; plain `foveal` lines run in this process, which is faster."""
    lines = plain(text)
    if lines is None:
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", text],
            capture_output=True,
            text=True,
            timeout=600,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode, done.stdout + done.stderr
    told = io.StringIO()
    for words in lines:
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            status = cli(words)
        if status:
            return status, told.getvalue()
    return 0, told.getvalue()


def run_python(text: str, block: Block, names: dict[str, object]) -> tuple[int, str]:
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile("\n" * block.line + text, block.where, "exec"), names)
    return 0, told.getvalue()


def run_server(text: str) -> tuple[int, str]:
    """A block whose last line serves until it is told to stop."""
    done = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    port = re.search(r"port=(\d+)", text)
    assert port is not None
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(port[1]))):
            break
        time.sleep(0.1)
    done.terminate()
    told, _ = done.communicate(timeout=60)
    return 0 if done.returncode in (0, 143) else done.returncode, told


SYNOPSIS = re.compile(r"^foveal (\w+) ([^\n]*(?:\n +[^\n]*)*)", re.M)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_options_in_a_synopsis_exist(page):
    """`foveal VERB [--option]` in a block that is not run names only what the command has."""
    import typer.main

    from foveal.cli.app import app

    commands = typer.main.get_command(app).commands
    for block in blocks(page):
        if block.language != "text":
            continue
        for verb, rest in SYNOPSIS.findall(block.text):
            assert verb in commands, f"{block.where}: foveal {verb}"
            command = commands[verb]
            command = getattr(command, "commands", {}).get(rest.split(" ")[0].strip(), command)
            params = command.params
            known = {option for one in params for option in (*one.opts, *one.secondary_opts)}
            used = set(re.findall(r"--[a-z0-9-]+", rest)) - {"--quiet", "--help"}
            assert used <= known, f"{block.where}: foveal {verb} has no {used - known}"
