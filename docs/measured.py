"""Writes docs/measured.md and the README files' table from benchmarks/results.

    python docs/measured.py

Knows how results look, not how they are measured: each script in benchmarks/ says that itself, and
its own words stand on the page. A test fails while the pages are not what this would write.
"""

from __future__ import annotations

import ast
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "measured.md"
ASIDE = {
    "machine",
    "versions",
    "what",
    "figures",
    "load",
    "load_before",
    "processor",
    "cores",
    "torch",
    "foveal",
    "every",
}
MARKS = ("<!-- measured -->", "<!-- end -->")

HEAD = """\
# How the figures were measured

Every figure comes from a script in `benchmarks/`, which runs Foveal and its peers in turn on one
machine and writes what came out to `benchmarks/results`. This page is written from those files by
`python docs/measured.py`, and a test fails where it differs. Figures are medians; least and largest
stand in brackets. They hold for the machine named under each table: run the script on yours.
Goals that were missed are in the files too.
"""


def number(value: float) -> str:
    """Three figures that count, no exponents."""
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def spread(value: Any) -> str | None:
    """`median (least to largest)` of what holds these, else None."""
    if isinstance(value, dict) and "median" in value:
        low, high = value["least"], value.get("largest", value.get("most"))
        if value.get("n") == 1:
            return f"{number(value['median'])} (once)"
    elif isinstance(value, list) and len(value) == 3 and all(is_number(one) for one in value):
        median, low, high = value
        if not low <= median <= high:
            return None
        value = {"median": median}
    else:
        return None
    if low == high:
        return number(value["median"])
    return f"{number(value['median'])} ({number(low)} to {number(high)})"


def is_number(value: Any) -> bool:
    """A number, and no boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def words(key: str) -> str:
    """A key of a result as words."""
    return key.replace("_", " ")


def rows(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """(what, figure) of everything in a result that is a figure."""
    where = ", ".join(words(part) for part in path)
    if (told := spread(value)) is not None:
        yield where, told
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in ASIDE or path:
                yield from rows(inner, (*path, key))
    elif is_number(value):
        yield where, number(value)
    elif isinstance(value, str):
        yield where, value
    elif isinstance(value, list) and value and all(is_number(one) for one in value):
        yield where, (" to " if len(value) == 2 else ", ").join(map(number, value))


def in_words(value: Any) -> str:
    """One cell: a number, a median with the least and the largest, or a text."""
    if isinstance(value, dict) and {"median", "least", "largest"} <= value.keys():
        median, least, largest = (number(value[key]) for key in ("median", "least", "largest"))
        return median if least == largest else f"{median} ({least} to {largest})"
    return number(value) if is_number(value) else str(value)


def listed(figures: list[dict[str, Any]]) -> list[str]:
    """A table of alike figures; KEY_range stands in brackets behind KEY, a missing KEY is empty."""
    every = dict.fromkeys(key for figure in figures for key in figure)
    keys = [key for key in every if not key.endswith("_range")]
    lines = ["| " + " | ".join(map(words, keys)) + " |", "|---" * len(keys) + "|"]
    for figure in figures:
        cells = []
        for key in keys:
            cell = in_words(figure.get(key, ""))
            if f"{key}_range" in figure:
                cell += " ({} to {})".format(*map(number, figure[f"{key}_range"]))
            cells.append(cell)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def runs(sitting: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row a contender of a sitting of training: minutes to its best test accuracy."""
    for who in dict.fromkeys(run["who"] for run in sitting["runs"]):
        own = [run for run in sitting["runs"] if run["who"] == who]
        scores = [run["accuracy"] for run in own if run["accuracy"] is not None]
        minutes = [_minutes(run) for run in own]
        row = {"images": _images(sitting), "who": who, "runs": len(own)}
        row["from"] = own[0].get("from", "pretrained" if is_transfer(own[0]) else "scratch")
        row["minutes"] = statistics.median(minutes)
        row["minutes_range"] = [min(minutes), max(minutes)]
        row["test accuracy"] = statistics.median(scores) if scores else "stopped before the first"
        if scores:
            row["test accuracy_range"] = [min(scores), max(scores)]
        yield row


def read(path: Path) -> list[dict[str, Any]]:
    """The results of a file: none where it is missing, one, or one a line."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines() if path.suffix == ".jsonl" else [text]
    return [json.loads(line) for line in lines if line.strip()]


def machine(result: dict[str, Any]) -> str:
    """The machine and versions of a result as one line."""
    told = {}
    for part in ("machine", "versions"):
        value = result.get(part, {})
        told |= value if isinstance(value, dict) else {part: value}
    told |= {key: result[key] for key in ("processor", "cores", "torch", "foveal") if key in result}
    pairs = (f"{words(key)} {value}" for key, value in told.items() if value and "load" not in key)
    return ", ".join(pairs)


def section(path: Path) -> str:
    """What was measured, how to repeat it, on what, and the figures."""
    script = ROOT / "benchmarks" / f"{path.stem}.py"
    lines = [f"## {words(path.stem).capitalize()}", ""]
    if script.is_file():
        lines += [plain(ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""), ""]
    alike: list[dict[str, Any]] = []
    for result in read(path):
        if "runs" in result and isinstance(result["runs"], list):
            alike += runs(result)
            told = machine(result)
            continue
        told = machine(result)
        figures = result.get("figures")
        if isinstance(figures, list):
            alike += figures
        flat = [row for row in rows(result) if row[0]]
        if flat:
            lines += ["| what | figure |", "|---|---|", *(f"| {a} | {b} |" for a, b in flat), ""]
    if alike:
        lines += [*listed(alike), ""]
    return "\n".join([*lines, f"Machine: {told}."]) + "\n"


def plain(docstring: str) -> str:
    """A script's own words: its first line, the command as a block, the rest."""
    parts = []
    for part in docstring.split("\n\n"):
        if part.startswith("    "):
            lines = [line.removeprefix("    ") for line in part.splitlines()]
            parts.append("\n".join(["```text", *lines, "```"]))
        else:
            prose = part.split("`")
            prose[::2] = [re.sub(r"([*_<>])", r"\\\1", words) for words in prose[::2]]
            parts.append("`".join(prose))
    return "\n\n".join(parts)


def page() -> str:
    """docs/measured.md."""
    files = sorted(path for path in RESULTS.iterdir() if path.suffix in (".json", ".jsonl"))
    return "\n".join([HEAD, *map(section, files)])


WORDS = {
    "en": {
        "head": "| measured | Foveal | beside it |\n|---|---|---|",
        "folder": "images of a folder recognised a second",
        "int8": "images a second an int8 network computes",
        "requests": "HTTP requests answered a second, {} clients",
        "wait": "ms until an HTTP answer, {} client (median)",
        "fresh": "s to read {:,.0f} {} for the first time, imports included",
        "again": "s to read {:,.0f} {} again",
        "photos": "photos",
        "small": "small images",
        "train": "{}: test accuracy",
        "transfer": "{}, from pretrained weights: test accuracy",
        "reached": "{:.1%} in {} min ({})",
        "fashion-mnist": "Fashion-MNIST",
        "cifar10": "CIFAR-10",
        "clothing10": "3,068 photos of clothes",
        "catdog": "1,110 cats and dogs",
        "grey": "cats and dogs without colour",
        "few": "20 photos each of ten clothes",
        "imbalanced": "CIFAR-10, a class 100 times rarer than another",
        "defects": "a scratch on one surface in seven, balanced",
    },
    "ko": {
        "head": "| 측정 항목 | Foveal | 비교 대상 |\n|---|---|---|",
        "folder": "폴더의 사진 예측, 초당 장수",
        "int8": "int8 신경망 계산, 초당 장수",
        "requests": "HTTP 요청 처리, 초당 건수(클라이언트 {}개)",
        "wait": "HTTP 응답 시간 중앙값, ms(클라이언트 {}개)",
        "fresh": "{1} {0:,.0f}장 처음 읽기(임포트 포함), 초",
        "again": "{1} {0:,.0f}장 다시 읽기, 초",
        "photos": "사진",
        "small": "작은 사진",
        "train": "{}: 테스트 정확도",
        "transfer": "{}, 사전 학습된 가중치에서 시작: 테스트 정확도",
        "reached": "{:.1%}({}분, {}회)",
        "fashion-mnist": "Fashion-MNIST",
        "cifar10": "CIFAR-10",
        "clothing10": "옷 사진 3,068장",
        "catdog": "고양이와 개 1,110장",
        "grey": "흑백 고양이와 개",
        "few": "옷 열 종류, 종류마다 20장",
        "imbalanced": "CIFAR-10, 클래스 크기 최대 100배 차이",
        "defects": "표면 일곱 중 하나에 흠집, 균형 정확도",
    },
}
NAMES = {
    "plain": "FastAPI + torch",
    "litserve": "LitServe",
    "litserve-tuned": "LitServe tuned",
    "DataLoader + eager": "DataLoader + torch",
    "onnxruntime fp32": "ONNX Runtime fp32",
    "torch eager": "torch",
    "openvino int8": "OpenVINO int8",
    "keras": "Keras",
    "fastai": "fastai",
    "ultralytics": "Ultralytics",
    "airbench94": "airbench94 with Muon",
    "transfer/fastai_fine_tune": "fastai",
    "transfer/plain_loop": "a plain PyTorch loop",
}


def beside(lang: str) -> str:
    """The README's table: only what has a peer, and only what was measured."""
    told = WORDS[lang]
    lines = [told["head"]]
    for what, own, peers in compared(told):
        others = "; ".join(f"{NAMES.get(who, who)} {figure}" for who, figure in peers)
        lines.append(f"| {what} | {own} | {others} |")
    return "\n".join(lines)


KNOWN_TO_THE_WEIGHTS = ("catdog", "grey")
"""Sets whose classes ImageNet has, which flatter every transfer: on the page, not in the README."""
LIMIT_S = 900
"""What benchmarks/training.py gives a peer at most; then the highest accuracy so far counts."""
INT8_BESIDE = ("onnxruntime fp32", "torch eager", "openvino int8")
Compared = tuple[str, str, list[tuple[str, str]]]


def compared(told: dict[str, str]) -> Iterator[Compared]:
    """(what, Foveal's figure, peers' figures) of every result that has peers."""
    yield from _training(read(RESULTS / "training.jsonl"), told)
    for name, how in (("data", _data), ("inference", _inference), ("serving", _serving)):
        for result in read(RESULTS / f"{name}.json"):
            yield from how(result, told)


def _training(results: list[dict[str, Any]], told: dict[str, str]) -> Iterator[Compared]:
    """One row a set, over all sittings: Foveal's budgets from short to long, then its peers."""
    by_set: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for result in results:
        for run in result.get("runs", ()):
            if run["accuracy"] is not None and not _cut_short(run):
                by_set.setdefault((_images(result), is_transfer(run)), []).append(run)
    for (name, transferred), made in sorted(by_set.items()):
        if transferred and name in KNOWN_TO_THE_WEIGHTS:
            continue
        budgets = sorted({run["minutes"] for run in made if run["who"] == "foveal"})
        own = [[run for run in made if run.get("minutes") == budget] for budget in budgets]
        peers = {
            who: _reached([run for run in made if run["who"] == who], told)
            for who in sorted({run["who"] for run in made} - {"foveal"})
        }
        if own and peers:
            figures = "; ".join(_reached(alike, told) for alike in own)
            row = told["transfer" if transferred else "train"]
            yield row.format(told[name]), figures, list(peers.items())


def _cut_short(run: dict[str, Any]) -> bool:
    """Whether a peer had to stop sooner than after the LIMIT_S that every peer has."""
    return run.get("ended") is False and run["seconds"] < LIMIT_S


def is_transfer(run: dict[str, Any]) -> bool:
    """Whether it started from pretrained weights."""
    return str(run.get("from", "scratch")) != "scratch" or run["who"].startswith("transfer/")


def _reached(alike: list[dict[str, Any]], told: dict[str, str]) -> str:
    score = statistics.median(run["accuracy"] for run in alike)
    return told["reached"].format(
        score, number(statistics.median(map(_minutes, alike))), len(alike)
    )


def _minutes(run: dict[str, Any]) -> float:
    """Foveal's whole process, a peer's until the end of its best epoch."""
    return (run.get("seconds_to_it") or run["seconds"]) / 60


def _images(result: dict[str, Any]) -> str:
    """The set that training was measured on, else nothing."""
    return str(result.get("name", "")).partition(":")[0]


def _data(result: dict[str, Any], told: dict[str, str]) -> Iterator[Compared]:
    names = {key.partition(": ")[0] for key in result if ": foveal" in key}
    for name in sorted(names):
        for row, field in (("fresh", "cold"), ("again", "warm")):
            found = {
                key.partition(": ")[2]: value[field][0]
                for key, value in result.items()
                if key.startswith(f"{name}: ")
            }
            own = found.pop("foveal")
            best: dict[str, tuple[str, float]] = {}
            for who, seconds in found.items():
                family = who.partition(",")[0]
                if family not in best or seconds < best[family][1]:
                    best[family] = (who, seconds)
            if best:
                peers = [
                    (re.sub(r"(\w+), (.*)", r"\1 (\2)", who), number(seconds))
                    for who, seconds in best.values()
                ]
                images = result[f"{name}: foveal"]["images"][0]
                what = told[row].format(images, told.get(name, name))
                yield what, number(own), peers


def _inference(result: dict[str, Any], told: dict[str, str]) -> Iterator[Compared]:
    found = result.get("folder_images_per_second", {})
    own = found.get("foveal exported")
    peers = [(who, number(one["median"])) for who, one in found.items() if "foveal" not in who]
    if own and peers:
        yield told["folder"], number(own["median"]), peers
    found = result.get("network_images_per_second", {})
    own = found.get("onnxruntime int8")
    peers = [(who, number(found[who]["median"])) for who in INT8_BESIDE if who in found]
    if own and peers:
        yield told["int8"], number(own["median"]), peers


def _serving(result: dict[str, Any], told: dict[str, str]) -> Iterator[Compared]:
    figures = result.get("figures", [])
    for row, field, pick in (("requests", "per_second", max), ("wait", "p50_ms", min)):
        clients = pick((one["clients"] for one in figures), default=0)
        found = {one["server"]: one[field] for one in figures if one["clients"] == clients}
        peers = [(who, number(v)) for who, v in found.items() if not who.startswith("foveal")]
        if "foveal" in found and peers:
            yield told[row].format(clients), number(found["foveal"]), peers


def filled(text: str, lang: str) -> str:
    """`text` with the table between its marks written anew."""
    start, end = (re.escape(mark) for mark in MARKS)
    new = f"{MARKS[0]}\n\n{beside(lang)}\n\n{MARKS[1]}"
    return re.sub(f"{start}.*?{end}", lambda _: new, text, flags=re.S)


READMES = {ROOT / "README.md": "en", ROOT / "README.ko.md": "ko"}

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for readme, lang in READMES.items():
        readme.write_text(filled(readme.read_text(encoding="utf-8"), lang), encoding="utf-8")
