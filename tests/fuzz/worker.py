"""Reads mutated files in a process of its own, case after case, and says what each came to."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import resource
import shutil
import sys
import traceback
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import mutate
from formats import SEALED
from readers import READERS, Reader

ADDRESS_SPACE_BYTES = 6 << 30
GROWTH_BYTES = 500 << 20
MAX_SENTENCE = 4000
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = (
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
)
_FORBIDDEN = ("os.system", "os.exec", "socket.connect", "socket.bind", "pickle.find_class")
_TRIAL = "foveal.prediction.litert_trial"
"""The process in which a LiteRT file is tried, which may crash there."""


class Watch:
    """What the interpreter does outside of `inside` while a case is read."""

    def __init__(self, inside: Path) -> None:
        self.inside, self.active, self.seen = str(inside.resolve()), False, list[str]()
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "subprocess.Popen" and _TRIAL in arguments[1]:
            return
        if event in _FORBIDDEN or event == "subprocess.Popen":
            self.seen.append(f"{event} {arguments[:2]}"[:200])
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES:
            self._check(event, arguments[0])
        elif event in _CHANGES:
            for place in arguments[:2]:
                self._check(event, place)

    def _check(self, event: str, place: Any) -> None:
        if isinstance(place, int):
            return
        folder = f"{Path(os.fsdecode(place)).parent.resolve()}/"
        allowed = (f"{self.inside}/", "/dev/", "/proc/")
        if not folder.startswith(allowed) and "__pycache__" not in folder:
            self.seen.append(f"{event} {place!r}"[:200])


def mutated(reader: Reader, seed: Path, target: Path, number: int, base: int) -> str:
    """Write the files of a case into `target`; returns the name of the main file."""
    rng = random.Random(f"{reader.name}:{base}:{number}")
    files = {str(path.relative_to(seed)): path.read_bytes() for path in _files(seed)}
    names = sorted(name for name in files if not name.endswith(reader.fixed or ("\0",)))
    main = rng.choice(names) if reader.main == "*" else reader.main
    chosen = (
        [main] if reader.main == "*" else [rng.choice(names) for _ in range(rng.choice((1, 1, 2)))]
    )
    if main in files and rng.random() < 0.6:
        chosen[0] = main
    for name in dict.fromkeys(chosen):
        if number:  # case 0 is the valid example
            files[name] = _mutated_file(reader, name, files[name], rng)
    for name, content in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if number and rng.random() < 0.03:
        _replace_file(target / rng.choice(names), rng)
    return main


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _mutated_file(reader: Reader, name: str, content: bytes, rng: random.Random) -> bytes:
    kind = next((kind for end, kind in reader.kinds.items() if name.endswith(end)), None)
    way = SEALED.get(kind or "") or _WAYS.get(kind or name.rpartition(".")[2])
    try:
        return (way or mutate.mutate_bytes)(content, rng)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, AttributeError):
        return mutate.mutate_bytes(content, rng)


_WAYS = {
    "json": mutate.mutate_json,
    "jsonl": mutate.mutate_json_lines,
    "log": mutate.mutate_json_lines,
    "csv": mutate.mutate_text,
    "yaml": mutate.mutate_text,
    "txt": mutate.mutate_text,
    "zip": mutate.mutate_zip,
    "tar": mutate.mutate_tar,
    "png": mutate.mutate_png,
    "npy": SEALED["npy"],
    "safetensors": SEALED["safetensors"],
    "request": mutate.mutate_request,
    "bytes": mutate.mutate_bytes,
}


def _replace_file(path: Path, rng: random.Random) -> None:
    """A file as something else: a link, a pipe, a folder, nothing, without permission."""
    path.unlink()
    way = rng.randrange(6)
    if way == 0:
        path.symlink_to(path.name)
    elif way == 1:
        path.symlink_to("/dev/zero")
    elif way == 2:
        os.mkfifo(path)
    elif way == 3:
        path.mkdir()
    elif way == 4:
        path.symlink_to("/etc/hostname")


def state_of(folder: Path) -> str:
    """A digest of all names and contents below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"{path.relative_to(folder)}\0".encode("utf-8", "surrogatepass"))
        if path.is_file() and not path.is_symlink():
            digest.update(path.read_bytes())
    return digest.hexdigest()


CHANGING = ("run", "study", "workspace", "studio")
"""Readers whose folders are theirs to write into."""


def outcome(reader: Reader, path: Path) -> tuple[str, str]:
    """`read` or `refused`, else the kind of the finding; and the words."""
    from foveal.errors import Error

    try:
        with warnings.catch_warnings(record=True) as caught:
            reader.read(path)
    except Error as error:
        problem = not_a_sentence(str(error))
        return (f"sentence: {problem}", str(error)) if problem else ("refused", str(error))
    except BaseException:
        return "exception", traceback.format_exc(limit=-12)
    shown = [one for one in caught if "ResourceWarning" not in str(one.category)]
    return ("warning", str(shown[0])) if shown else ("read", "")


def not_a_sentence(text: str) -> str | None:
    """What keeps a message from being one sentence that a terminal can show."""
    if not text.strip():
        return "empty"
    if len(text) > MAX_SENTENCE:
        return f"{len(text)} characters"
    for line in text.splitlines():
        odd = [one for one in line if unicodedata.category(one) in ("Cc", "Cs", "Cf")]
        if odd:
            return f"character {odd[0]!r}"
    if "Traceback" in text or "0x7f" in text or "object at 0x" in text:
        return "internals"
    return None


def main(name: str, place: Path, base: int) -> None:
    """Read case numbers from standard input; write one line of JSON for each."""
    reader = next(one for one in READERS if one.name == name)
    inside = place / "work"
    inside.mkdir(parents=True)
    os.environ |= {
        "HOME": str(inside),
        "FOVEAL_CACHE": str(inside / "cache"),
        "TMPDIR": str(inside),
    }
    os.chdir(inside)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    importlib.import_module("foveal.images.decode")  # its filters of warnings are the process's

    watch = Watch(inside)
    for line in sys.stdin:
        number = int(line)
        target, out = inside / "input", inside / "out"
        for folder in (target, out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        main_name = mutated(reader, place / "seed", target, number, base)
        before, peak = state_of(target), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        watch.seen.clear()
        watch.active = True
        kind, words = outcome(reader, target / main_name)
        watch.active = False
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10
        if watch.seen:
            kind, words = "outside", f"{watch.seen} {words}"
        elif grown > GROWTH_BYTES and number:
            kind, words = "memory", f"{grown >> 20} MiB {words}"
        elif name not in CHANGING and state_of(target) != before:
            kind, words = "changed", words
        answers.write(json.dumps([number, kind, words[:6000]]) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
