"""Latency and throughput of `foveal serve` beside a plain FastAPI + torch app and LitServe.

    python benchmarks/serving.py [--seconds 5] [--rounds 3] [--only foveal,plain] [--preset swift-s]
    python benchmarks/serving.py --soak 100000

The same network, weights and JPEG images for all, on one machine, in one run. The peers run in an
environment this script makes (.venv-serving: LitServe from PyPI, torch from this environment).
Each server gets requests from 1 and from 32 clients that wait for a response before they send the
next request; the client is wrk (Debian: apt-get install wrk), which takes next to nothing of the
processor. Servers take turns, so that a machine that gets slower is slow for all; the figure is the
median over the rounds. --soak measures the memory of `foveal serve` over that many requests
instead.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from http_load import (
    PROGRAMS,
    ROOT,
    check_wrk,
    jpeg_images,
    multipart_request,
    raw_request,
    run_wrk,
    running_server,
    save_models,
)

ENVIRONMENT = ROOT / ".venv-serving"
RESULT = ROOT / "benchmarks" / "results" / "serving.json"
CLIENTS = (1, 32)
OURS = ("foveal", "foveal-native")
PEERS = ("plain", "litserve", "litserve-tuned")
TARGETS = {"throughput": 4.0, "p50": 3.0}
"""How many times better than a peer."""
TUNED = ("16,0.005,1,2,1", "16,0.005,2,1,1", "16,0.005,2,1,2", "16,0,2,1,2")
"""Settings tried for litserve-tuned: rows, wait, workers, threads per worker, API servers."""


@dataclass(frozen=True)
class Figure:
    """One server with some clients in one round."""

    server: str
    clients: int
    requests: int
    failed: int
    per_second: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    options = _parse_options()
    check_wrk()
    servers = options.only.split(",")
    with tempfile.TemporaryDirectory(prefix="foveal-bench-") as name:
        folder = Path(name)
        native, exported = save_models(folder, options.preset, options.size)
        for index, image in enumerate(jpeg_images()):
            (folder / f"{index:02}.raw").write_bytes(raw_request(image))
            (folder / f"{index:02}.jpg").write_bytes(image)
            (folder / f"{index:02}.multipart").write_bytes(multipart_request(image))
        if options.soak:
            _write({"soak": _soak(folder, exported, options.soak)}, options)
            return
        if set(PEERS) & set(servers):
            _make_environment()
        commands = _commands(native, exported)
        if "litserve-tuned" in servers:
            options.tuned = _fastest(commands["litserve-tuned"], options.tuned.split(), folder)
            commands["litserve-tuned"] += options.tuned.split(",")
        figures: list[Figure] = []
        without_server: list[float] = []
        for _ in range(options.rounds):
            without_server.append(_without_server(exported, folder, min(3, options.seconds)))
            for server in servers:
                figures += _measure(server, commands[server], folder, options.seconds)
    _report(figures, without_server, servers, options)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5, help="per server, clients, round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join([*OURS, *PEERS]))
    parser.add_argument("--preset", default="swift-s")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--soak", type=int, default=0, help="requests, instead of the rounds")
    parser.add_argument("--tuned", default=" ".join(TUNED), help="settings of litserve to try")
    parser.add_argument("--dry", action="store_true", help="print, and keep the old result file")
    return parser.parse_args()


def _make_environment() -> None:
    """An environment for the peers that sees this one's packages and adds LitServe."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        own = [path for path in sys.path if path.endswith("site-packages")]
        (packages,) = ENVIRONMENT.glob("lib/python3*/site-packages")
        (packages / "with-foveal.pth").write_text("\n".join([*own, str(ROOT)]) + "\n")
        subprocess.run([str(python), "-m", "pip", "install", "-q", "litserve"], check=True)


def _commands(native: Path, exported: Path) -> dict[str, list[str]]:
    """The command of each server; PORT stands for the port."""
    commands = {"foveal": _foveal_command(exported), "foveal-native": _foveal_command(native)}
    scripts = {"plain": "plain", "litserve": "litserve", "litserve-tuned": "litserve"}
    python = str(ENVIRONMENT / "bin" / "python")
    for name, script in scripts.items():
        program = str(PROGRAMS / f"{script}_server.py")
        commands[name] = [python, "-P", program, str(native), "PORT"]
    return commands


def _foveal_command(model: Path) -> list[str]:
    return [sys.executable, "-m", "foveal", "--quiet", "serve", str(model), "--port", "PORT"]


def _measure(server: str, command: list[str], folder: Path, seconds: int) -> Iterator[Figure]:
    requests = _requests(folder, "raw" if server in OURS else "multipart")
    with running_server(command) as (port, _):
        run_wrk(requests, port, 8, 2)  # warm-up
        for clients in CLIENTS:
            yield _figure(server, clients, run_wrk(requests, port, clients, seconds))


def _requests(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"*.{suffix}"))


def _without_server(exported: Path, folder: Path, seconds: int) -> float:
    """Images per second of one process per core that decodes and predicts without a server."""
    program = str(PROGRAMS / "bare.py")
    command = [sys.executable, "-P", program, str(exported), str(folder), str(seconds)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(os.cpu_count() or 1)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    per_second = sum(float(process.communicate()[0]) for process in processes)
    print(f"without a server: {per_second:.1f} /s", file=sys.stderr, flush=True)
    return round(per_second, 1)


def _fastest(command: list[str], settings: list[str], folder: Path) -> str:
    """The settings with the highest throughput for many clients."""
    per_second = {}
    requests = _requests(folder, "multipart")
    for each in settings:
        with running_server([*command, *each.split(",")]) as (port, _):
            run_wrk(requests, port, CLIENTS[-1], 2)
            per_second[each] = run_wrk(requests, port, CLIENTS[-1], 3)["requests"] / 3
        print(f"litserve {each}: {per_second[each]:.1f} /s", file=sys.stderr, flush=True)
    return max(per_second, key=per_second.__getitem__)


def _soak(folder: Path, exported: Path, total: int) -> dict[str, Any]:
    """Resident memory of all worker processes over `total` requests; every 64th is truncated."""
    (folder / "00.raw").write_bytes(raw_request(jpeg_images(1)[0][:20_000]))
    requests = _requests(folder, "raw")
    with running_server(_foveal_command(exported)) as (port, process):
        samples: list[dict[str, float]] = []
        sent = rejected = broken = 0
        while sent < total:
            result = run_wrk(requests, port, 32, 10 if sent < total - 10_000 else 3)
            sent += result["requests"]
            rejected += result["rejected"]
            broken += result["broken"]
            samples.append({"requests": sent, "rss_mib": _workers_rss_mib(process.pid)})
            print(json.dumps(samples[-1]), file=sys.stderr, flush=True)
    at_10k = next((sample for sample in samples if sample["requests"] >= 10_000), samples[-1])
    return {
        "requests": sent,
        "truncated_and_rejected": rejected,
        "connections_broken": broken,
        "rss_mib_at_10k": at_10k["rss_mib"],
        "rss_mib_at_end": samples[-1]["rss_mib"],
        "samples": samples,
    }


def _workers_rss_mib(pid: int) -> float:
    """MiB resident in the children of a process, the workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = (int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in children)
    return round(sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def _figure(server: str, clients: int, result: dict[str, Any]) -> Figure:
    figure = Figure(
        server,
        clients,
        result["requests"],
        result["rejected"] + result["broken"],
        round(result["requests"] / result["microseconds"] * 1e6, 1),
        round(result["p50"] / 1000, 2),
        round(result["p99"] / 1000, 2),
    )
    print(json.dumps(asdict(figure)), file=sys.stderr, flush=True)
    return figure


def _report(
    figures: list[Figure],
    without_server: list[float],
    servers: list[str],
    options: argparse.Namespace,
) -> None:
    rows = {
        (server, clients): _row(server, clients, figures)
        for server in servers
        for clients in CLIENTS
    }
    for row in rows.values():
        print(
            f"{row['server']:14} {row['clients']:3} clients  {row['per_second']:8.1f} /s"
            f"  p50 {row['p50_ms']:8.2f} ms  p99 {row['p99_ms']:8.2f} ms"
        )
    goals = _goals(rows, statistics.median(without_server))
    print(f"without a server: {statistics.median(without_server):.1f} /s")
    for goal in goals:
        print(goal["goal"], "met" if goal["met"] else "MISSED", goal["ratio"])
    result = {
        "network": options.preset,
        "input_px": options.size,
        "seconds": options.seconds,
        "rounds": options.rounds,
        "litserve_tuned": options.tuned,
        "machine": _machine(),
        "without_server_per_second": without_server,
        "figures": list(rows.values()),
        "goals": goals,
    }
    _write(result, options)


def _row(server: str, clients: int, figures: list[Figure]) -> dict[str, Any]:
    own = [each for each in figures if (each.server, each.clients) == (server, clients)]
    failed = sum(each.failed for each in own)
    row: dict[str, Any] = {"server": server, "clients": clients, "failed": failed}
    for field in ("per_second", "p50_ms", "p99_ms"):
        values = [getattr(each, field) for each in own]
        row[field] = statistics.median(values)
        row[f"{field}_range"] = [min(values), max(values)]
    return row


def _goals(rows: dict[tuple[str, int], dict[str, Any]], limit: float) -> list[dict[str, Any]]:
    """How many times better `foveal serve` with the exported file is than each peer.

    limit: throughput without a server, in images per second; no server can exceed it.
    """
    goals: list[dict[str, Any]] = []
    for peer in PEERS:
        if ("foveal", 1) not in rows or (peer, 1) not in rows:
            continue
        per_second = rows[peer, CLIENTS[-1]]["per_second"]
        ratio = rows["foveal", CLIENTS[-1]]["per_second"] / per_second
        goal = _goal(f"throughput at {CLIENTS[-1]} clients against {peer}", ratio, "throughput")
        goals.append({**goal, "max_ratio": round(limit / per_second, 2)})
        for clients in CLIENTS:
            ratio = rows[peer, clients]["p50_ms"] / rows["foveal", clients]["p50_ms"]
            goals.append(_goal(f"p50 at {clients} clients against {peer}", ratio, "p50"))
    return goals


def _goal(name: str, ratio: float, kind: str) -> dict[str, Any]:
    target = TARGETS[kind]
    return {"goal": name, "ratio": round(ratio, 2), "target": target, "met": ratio >= target}


def _write(result: dict[str, Any], options: argparse.Namespace) -> None:
    """Write the result, keeping the keys that another mode of this script wrote."""
    if options.dry:
        return
    RESULT.parent.mkdir(exist_ok=True)
    previous = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps({**previous, **result}, indent=1) + "\n")


def _machine() -> dict[str, object]:
    import onnxruntime
    import torch

    from foveal import __version__

    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
    }


if __name__ == "__main__":
    main()
