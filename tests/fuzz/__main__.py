"""Fuzzes every reader of the package: python tests/fuzz [READER...] --seconds 600 --seed 0

A case is a valid example with one to three changes. It must be read, or refused with a
foveal.Error of one sentence: anything else (another exception, a crash, more than five seconds of
processor time, 500 MiB of growth, a write outside, a changed input) is a finding. The files of a
case are written again with --case NUMBER --out FOLDER.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from readers import READERS, Reader
from worker import mutated

HERE = Path(__file__).parent
MAX_CPU_SECONDS, MAX_TICKS = 5.0, 300
"""Of a case; a tick is a tenth of a second in which it sleeps."""
START_CASES = 60.0
"""Processor seconds of the first case of a process, which imports everything."""


@dataclass
class Tally:
    """What came of a reader's cases."""

    reader: Reader
    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)

    def note(self, number: int, kind: str, words: str) -> None:
        self.counts["read" if kind == "read" else "refused" if kind == "refused" else "found"] += 1
        if kind not in ("read", "refused"):
            last = words.strip().splitlines()[-1:] or [""]
            key = f"{kind}: {last[0][:160]}"
            if key not in self.findings:
                self.findings[key] = f"{self.reader.name} case {number}\n{words}"
                print(f"FOUND {self.reader.name} case {number}: {key}", flush=True)


class Process:
    """A worker, started again after a crash or a hang."""

    def __init__(self, reader: Reader, seed_files: Path, base: int) -> None:
        self.place = Path(tempfile.mkdtemp(prefix=f"fuzz-{reader.name}-"))
        shutil.copytree(seed_files, self.place / "seed")
        command = [sys.executable, str(HERE / "worker.py"), reader.name, str(self.place), str(base)]
        self.errors = (self.place / "stderr").open("wb")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors
        )
        self.fresh = True

    def run(self, number: int) -> tuple[str, str]:
        """The kind and the words of a case."""
        assert self.process.stdin and self.process.stdout
        usage = psutil.Process(self.process.pid)
        before = sum(usage.cpu_times()[:2])
        self.process.stdin.write(f"{number}\n".encode())
        self.process.stdin.flush()
        limit = START_CASES if self.fresh else MAX_CPU_SECONDS
        idle = 0
        while idle < MAX_TICKS:
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                line = self.process.stdout.readline()
                if not line:
                    return "crash", f"status {self.process.wait()} {self._said()}"
                self.fresh = False
                _, kind, words = json.loads(line)
                return kind, words
            if sum(usage.cpu_times()[:2]) - before > limit:
                return "hang", f"more than {limit:g} s of processor time"
            idle += usage.status() == psutil.STATUS_SLEEPING
        return "hang", "it waits"

    def _said(self) -> str:
        return (self.place / "stderr").read_text("utf-8", "replace")[-2000:]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.errors.close()
        shutil.rmtree(self.place, ignore_errors=True)


def make_seed(reader: Reader, place: Path) -> Path:
    """The valid example of a reader, made once."""
    folder = place / reader.name / "seed"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        reader.write(folder)
    return folder


def fuzz(reader: Reader, place: Path, base: int, seconds: float, first: int, cases: int) -> Tally:
    """Cases from `first` on, for some processor-independent time or number."""
    tally, seed_files = Tally(reader), make_seed(reader, place)
    process = Process(reader, seed_files, base)
    kind, words = process.run(0)
    if kind == "refused" and "needs the extra" in words:
        process.close()
        print(f"{reader.name} NOT FUZZED: {words}", flush=True)
        return tally
    assert kind == "read", f"the valid example of {reader.name}: {kind} {words}"
    end, number = time.monotonic() + seconds, first
    while time.monotonic() < end and number < first + cases:
        kind, words = process.run(number)
        tally.note(number, kind, words)
        if kind in ("crash", "hang", "memory"):
            process.close()
            process = Process(reader, seed_files, base)
        number += 1
    process.close()
    return tally


def main() -> int:
    """Exit status 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*")
    parser.add_argument("--seconds", type=float, default=600, help="of all readers together")
    parser.add_argument("--cases", type=int, default=10**9, help="of each reader")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--findings", type=Path, help="a file for what was found")
    given = parser.parse_args()
    chosen = [one for one in READERS if not given.readers or one.name in given.readers]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    place = Path(tempfile.mkdtemp(prefix="fuzz-seeds-"))
    os.environ["FOVEAL_CACHE"] = str(place / "cache")
    try:
        if given.case is not None:
            given.out.mkdir(parents=True)
            main_name = mutated(
                chosen[0], make_seed(chosen[0], place), given.out, given.case, given.seed
            )
            print(given.out / main_name)
            return 0
        found = 0
        for reader in chosen:
            share = given.seconds / len(chosen)
            tally = fuzz(reader, place, given.seed, share, given.first, given.cases)
            print(f"{reader.name}: {dict(tally.counts)}", flush=True)
            found += len(tally.findings)
            if given.findings is not None:
                with given.findings.open("a") as file:
                    file.writelines(f"{text}\n{'-' * 40}\n" for text in tally.findings.values())
        return 1 if found else 0
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
