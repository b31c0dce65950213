"""The README files' table: Foveal beside its peers, from benchmarks/results, with ratios."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

from figures import RESULTS, ROOT, images, is_transfer, minutes, number, read

MARKS = ("<!-- measured -->", "<!-- end -->")

WORDS = {
    "en": {
        "head": "| measured | Foveal | beside it | ratio |\n|---|---|---|---|",
        "folder": "images of a folder recognised a second",
        "int8": "images a second an int8 network computes",
        "requests": "HTTP requests answered a second, {} clients",
        "wait": "ms until an HTTP answer, {} client (median)",
        "fresh": "s to read {:,.0f} {} for the first time, imports included",
        "again": "s to read {:,.0f} {} again",
        "photos": "photos",
        "small": "small images",
        "train": "{}, from scratch: test accuracy",
        "transfer": "{}, from pretrained weights: test accuracy",
        "reached": "{:.1%} in {} min ({})",
        "missed": "not reached",
        "points": "{:+.1f} points",
        "fashion-mnist": "Fashion-MNIST",
        "cifar10": "CIFAR-10",
        "clothing10": "3,068 photos of clothes",
        "catdog": "1,110 cats and dogs",
        "grey": "cats and dogs without colour",
        "few": "20 photos each of ten clothes",
        "imbalanced": "CIFAR-10, a class 100 times rarer than another",
        "defects": "a scratch on one surface in seven, balanced",
        "tiles": "six kinds of tiles, seven in ten without a defect, balanced",
    },
    "ko": {
        "head": "| 측정 항목 | Foveal | 비교 대상 | 비율 |\n|---|---|---|---|",
        "folder": "폴더의 사진 예측, 초당 장수",
        "int8": "int8 신경망 계산, 초당 장수",
        "requests": "HTTP 요청 처리, 초당 건수(클라이언트 {}개)",
        "wait": "HTTP 응답 시간 중앙값, ms(클라이언트 {}개)",
        "fresh": "{1} {0:,.0f}장 처음 읽기(임포트 포함), 초",
        "again": "{1} {0:,.0f}장 다시 읽기, 초",
        "photos": "사진",
        "small": "작은 이미지",
        "train": "{}, 처음부터 학습: 테스트 정확도",
        "transfer": "{}, 사전 학습된 가중치에서 시작: 테스트 정확도",
        "reached": "{:.1%}({}분, {}회)",
        "missed": "도달하지 못함",
        "points": "{:+.1f}%p",
        "fashion-mnist": "Fashion-MNIST",
        "cifar10": "CIFAR-10",
        "clothing10": "옷 사진 3,068장",
        "catdog": "고양이와 개 1,110장",
        "grey": "흑백 고양이와 개",
        "few": "옷 열 종류, 종류마다 20장",
        "imbalanced": "CIFAR-10, 클래스 크기 최대 100배 차이",
        "defects": "표면 일곱 중 하나에 흠집, 균형 정확도",
        "tiles": "타일 여섯 종류, 열 중 일곱은 결함 없음, 균형 정확도",
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

KOREAN = {
    "LitServe tuned": "LitServe(조정)",
    "airbench94 with Muon": "airbench94(Muon)",
    "a plain PyTorch loop": "일반 PyTorch 루프",
}

KNOWN_TO_THE_WEIGHTS = ("catdog", "grey")
"""Sets whose classes ImageNet has, which flatter every transfer: on the page, not in the README."""

LIMIT_S = 900
"""What benchmarks/training.py gives a peer at most; then the highest accuracy so far counts."""

INT8_BESIDE = ("onnxruntime fp32", "torch eager", "openvino int8")


class Row(NamedTuple):
    """What was measured, Foveal's figure, each peer's, and how it compares to the best of them."""

    what: str
    own: str
    peers: list[tuple[str, str]]
    comparison: str


def beside(lang: str) -> str:
    """The README's table: only what has a peer, and only what was measured."""
    told = WORDS[lang]
    lines = [told["head"]]
    for row in compared(told):
        others = "; ".join(f"{_peer(who, lang)} {figure}" for who, figure in row.peers)
        lines.append(f"| {row.what} | {row.own} | {others} | {row.comparison} |")
    return "\n".join(lines)


def _peer(who: str, lang: str) -> str:
    name = NAMES.get(who, who)
    return (
        re.sub(r"\((\d+) workers\)", r"(워커 \1개)", KOREAN.get(name, name))
        if lang == "ko"
        else name
    )


def _times(ratio: float) -> str:
    return f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.1f}x" if ratio >= 1 else f"{ratio:.2f}x"


def compared(told: dict[str, str]) -> Iterator[Row]:
    """A row for every result that has peers."""
    yield from _training(read(RESULTS / "training.jsonl"), told)
    for name, how in (("data", _data), ("inference", _inference), ("serving", _serving)):
        for result in read(RESULTS / f"{name}.json"):
            yield from how(result, told)


def _training(results: list[dict[str, Any]], told: dict[str, str]) -> Iterator[Row]:
    """One row a set and start: Foveal's budgets from short to long, then its peers."""
    for (name, transferred), made in sorted(_runs_by_set(results).items()):
        if transferred and name in KNOWN_TO_THE_WEIGHTS:
            continue
        budgets = sorted({run["minutes"] for run in made if run["who"] == "foveal"})
        own = [[run for run in made if run.get("minutes") == budget] for budget in budgets]
        peers = {
            who: [run for run in made if run["who"] == who]
            for who in sorted({run["who"] for run in made} - {"foveal"})
        }
        if own and peers:
            yield Row(
                told["transfer" if transferred else "train"].format(told[name]),
                "; ".join(_reached(alike, told) for alike in own),
                [(who, _reached(runs, told)) for who, runs in peers.items()],
                _training_comparison(own, list(peers.values()), told),
            )


def _runs_by_set(results: list[dict[str, Any]]) -> dict[tuple[str, bool], list[dict[str, Any]]]:
    """Runs by (set, from pretrained weights), of one processor: the last on which most peers ran.

    Of Foveal's own those of its newest version there.
    """
    found: dict[tuple[str, bool], list[tuple[str, tuple[int, ...], dict[str, Any]]]] = {}
    for result in results:
        machine = result.get("machine", {})
        where, version = str(machine.get("processor")), _version(machine.get("foveal"))
        for run in result.get("runs", ()):
            if run["accuracy"] is not None and not _cut_short(run):
                found.setdefault((images(result), is_transfer(run)), []).append(
                    (where, version, run)
                )
    by_set = {}
    for key, runs in found.items():
        peers: dict[str, set[str]] = {}
        for where, _, run in reversed(runs):
            if run["who"] != "foveal":
                peers.setdefault(where, set()).add(run["who"])
        best = max(peers, key=lambda where: len(peers[where]), default=None)
        there = [(version, run) for where, version, run in runs if where == best]
        newest = max((version for version, run in there if run["who"] == "foveal"), default=())
        by_set[key] = [run for version, run in there if run["who"] != "foveal" or version == newest]
    return by_set


def _version(told: str | None) -> tuple[int, ...]:
    """That of a package by which it is sorted; of a result that tells none, the oldest."""
    return tuple(map(int, re.findall(r"\d+", told or "")))


def _cut_short(run: dict[str, Any]) -> bool:
    """Whether a peer had to stop sooner than after the LIMIT_S that every peer has."""
    return run.get("ended") is False and run["seconds"] < LIMIT_S


def _training_comparison(
    own: list[list[dict[str, Any]]], peers: list[list[dict[str, Any]]], told: dict[str, str]
) -> str:
    """The time of the most accurate peer over that of Foveal's first budget as accurate.

    Where that peer was sooner at its best: the points that Foveal reached above it.
    """
    best = max(peers, key=_accuracy)
    for runs in own:
        gain = _accuracy(runs) - _accuracy(best)
        if gain >= 0:
            ratio = _median_minutes(best) / _median_minutes(runs)
            return _times(ratio) if ratio >= 1 else told["points"].format(100 * gain)
    return told["missed"]


def _reached(alike: list[dict[str, Any]], told: dict[str, str]) -> str:
    minutes_told = number(_median_minutes(alike))
    return told["reached"].format(_accuracy(alike), minutes_told, len(alike))


def _accuracy(alike: list[dict[str, Any]]) -> float:
    return statistics.median(run["accuracy"] for run in alike)


def _median_minutes(alike: list[dict[str, Any]]) -> float:
    return statistics.median(map(minutes, alike))


def _data(result: dict[str, Any], told: dict[str, str]) -> Iterator[Row]:
    names = {key.partition(": ")[0] for key in result if ": foveal" in key}
    for name in sorted(names):
        for row, field in (("fresh", "cold"), ("again", "warm")):
            found = {
                key.partition(": ")[2]: value[field][0]
                for key, value in result.items()
                if key.startswith(f"{name}: ")
            }
            own = found.pop("foveal")
            best = _best_of_each(found)
            if best:
                count = result[f"{name}: foveal"]["images"][0]
                yield Row(
                    told[row].format(count, told.get(name, name)),
                    number(own),
                    [(re.sub(r"(\w+), (.*)", r"\1 (\2)", who), number(s)) for who, s in best],
                    _times(min(seconds for _, seconds in best) / own),
                )


def _best_of_each(seconds: dict[str, float]) -> list[tuple[str, float]]:
    """Of each peer, which may have run with several settings, the fastest."""
    best: dict[str, tuple[str, float]] = {}
    for who, value in seconds.items():
        family = who.partition(",")[0]
        if family not in best or value < best[family][1]:
            best[family] = (who, value)
    return list(best.values())


def _inference(result: dict[str, Any], told: dict[str, str]) -> Iterator[Row]:
    found = _medians(result, "folder_images_per_second")
    peers = {who: value for who, value in found.items() if "foveal" not in who}
    yield from _rates(told["folder"], found.get("foveal exported"), peers)
    found = _medians(result, "network_images_per_second")
    peers = {who: found[who] for who in INT8_BESIDE if who in found}
    yield from _rates(told["int8"], found.get("onnxruntime int8"), peers)


def _medians(result: dict[str, Any], key: str) -> dict[str, float]:
    return {who: one["median"] for who, one in result.get(key, {}).items()}


def _rates(what: str, own: float | None, peers: dict[str, float]) -> Iterator[Row]:
    """One row of something a second, where both sides were measured."""
    if own is not None and peers:
        told = [(who, number(value)) for who, value in peers.items()]
        yield Row(what, number(own), told, _times(own / max(peers.values())))


def _serving(result: dict[str, Any], told: dict[str, str]) -> Iterator[Row]:
    figures = result.get("figures", [])
    for row, field, pick in (("requests", "per_second", max), ("wait", "p50_ms", min)):
        clients = pick((one["clients"] for one in figures), default=0)
        found = {one["server"]: one[field] for one in figures if one["clients"] == clients}
        peers = {who: value for who, value in found.items() if not who.startswith("foveal")}
        if "foveal" in found and peers:
            own = found["foveal"]
            ratio = own / max(peers.values()) if pick is max else min(peers.values()) / own
            shown = [(who, number(value)) for who, value in peers.items()]
            yield Row(told[row].format(clients), number(own), shown, _times(ratio))


def filled(text: str, lang: str) -> str:
    """`text` with the table between its marks written anew."""
    start, end = (re.escape(mark) for mark in MARKS)
    new = f"{MARKS[0]}\n\n{beside(lang)}\n\n{MARKS[1]}"
    return re.sub(f"{start}.*?{end}", lambda _: new, text, flags=re.S)


READMES = {ROOT / "README.md": "en", ROOT / "README.ko.md": "ko"}
