"""Latency and throughput of `foveal serve` beside a plain FastAPI + torch app and LitServe.

    python benchmarks/serving.py [--seconds 5] [--rounds 3] [--only foveal,plain] [--preset swift-s]
    python benchmarks/serving.py --soak 100000

The same network, weights and JPEG images for all, one machine, one run. The peers run in an
environment this script makes (.venv-serving: LitServe from PyPI, torch from this environment).
Each server is asked by 1 and by 32 clients that wait for one answer before the next question;
the clients are wrk (Debian: apt-get install wrk), which takes next to nothing of the processor.
Servers take turns, so that a machine that gets slower is slow for all; the figure is the median
over the rounds. --soak tells the memory of `foveal serve` over so many requests instead.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-serving"
PROGRAMS = ROOT / "benchmarks" / "peers"
RESULT = ROOT / "benchmarks" / "results" / "serving.json"
CLIENTS = (1, 32)
OURS = ("foveal", "foveal-native")
PEERS = ("plain", "litserve", "litserve-tuned")
GOALS = {"throughput": 4.0, "p50": 3.0}
"""How many times better than a peer."""


TUNED = ("16,0.005,1,2,1", "16,0.005,2,1,1", "16,0.005,2,1,2", "16,0,2,1,2")
"""What is tried for litserve-tuned: rows, wait, workers, threads a worker, API servers."""


@dataclass(frozen=True)
class Figure:
    """What some clients got of a server in one round."""

    server: str
    clients: int
    requests: int
    failed: int
    per_second: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    options = _options()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk asks the servers and is not installed: apt-get install wrk")
    wanted = options.only.split(",")
    with tempfile.TemporaryDirectory(prefix="foveal-bench-") as name:
        folder = Path(name)
        native, exported = _models(folder, options.preset, options.size)
        for index, image in enumerate(_images()):
            (folder / f"{index:02}.raw").write_bytes(_raw(image))
            (folder / f"{index:02}.jpg").write_bytes(image)
            (folder / f"{index:02}.multipart").write_bytes(_multipart(image))
        if options.soak:
            _write({"soak": _soaked(folder, exported, options.soak)}, options)
            return
        if set(PEERS) & set(wanted):
            _environment()
        commands = _commands(native, exported)
        if "litserve-tuned" in wanted:
            options.tuned = _fastest(commands["litserve-tuned"], options.tuned.split(), folder)
            commands["litserve-tuned"] += options.tuned.split(",")
        figures: list[Figure] = []
        bare: list[float] = []
        for _ in range(options.rounds):
            bare.append(_bare(exported, folder, min(3, options.seconds)))
            for server in wanted:
                figures += _measured(server, commands[server], folder, options.seconds)
    _report(figures, bare, wanted, options)


def _options() -> argparse.Namespace:
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


def _models(folder: Path, preset: str, size: int) -> tuple[Path, Path]:
    """The network with fresh weights (speed does not depend on them), native and exported."""
    import torch

    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model, save
    from foveal.network.presets import load_preset as named
    from foveal.spec.preprocess import Input

    torch.manual_seed(0)
    network = named(preset, Input(height=size, width=size, channels=3))
    labels = tuple(f"class {index}" for index in range(10))
    module = network.build(len(labels)).eval()
    model = Model(module, Manifest(network=network, labels=labels))
    native, exported = folder / "network.safetensors", folder / "network.onnx"
    save(native, model)
    graph = export_graph(model).SerializeToString(deterministic=True)
    exported.write_bytes(seal_graph(graph, model.manifest))
    return native, exported


def _images(count: int = 64) -> list[bytes]:
    """JPEG images of 500x375 with the spectrum of photographs."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        small = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        image = Image.fromarray(small).resize((500, 375), Image.Resampling.BICUBIC)
        noisy = np.asarray(image) + random.normal(0, 8, (375, 500, 3))
        out = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=88)
        found.append(out.getvalue())
    return found


def _environment() -> None:
    """An environment for the peers that sees this one's packages and adds LitServe."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        ours = [path for path in sys.path if path.endswith("site-packages")]
        (theirs,) = ENVIRONMENT.glob("lib/python3*/site-packages")
        (theirs / "with-foveal.pth").write_text("\n".join([*ours, str(ROOT)]) + "\n")
        subprocess.run([str(python), "-m", "pip", "install", "-q", "litserve"], check=True)


def _commands(native: Path, exported: Path) -> dict[str, list[str]]:
    """What starts each server; PORT stands for the port."""
    found = {"foveal": _ours(exported), "foveal-native": _ours(native)}
    scripts = {"plain": "plain", "litserve": "litserve", "litserve-tuned": "litserve"}
    for name, script in scripts.items():
        program = PROGRAMS / f"{script}_server.py"
        found[name] = [str(ENVIRONMENT / "bin" / "python"), "-P", str(program), str(native), "PORT"]
    return found


def _ours(model: Path) -> list[str]:
    return [sys.executable, "-m", "foveal", "--quiet", "serve", str(model), "--port", "PORT"]


def _measured(server: str, command: list[str], folder: Path, seconds: int) -> Iterator[Figure]:
    kind = "raw" if server in OURS else "multipart"
    with _running(command) as (port, _):
        _asked(folder, kind, port, 8, 2)  # warm
        for clients in CLIENTS:
            yield _figure(server, clients, _asked(folder, kind, port, clients, seconds))


def _bare(exported: Path, folder: Path, seconds: int) -> float:
    """Images a second of one process a core without any server."""
    command = [
        sys.executable,
        "-P",
        str(PROGRAMS / "bare.py"),
        str(exported),
        str(folder),
        str(seconds),
    ]
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
    found = sum(float(process.communicate()[0]) for process in processes)
    print(f"bare: {found:.1f} /s", file=sys.stderr, flush=True)
    return round(found, 1)


def _fastest(command: list[str], settings: list[str], folder: Path) -> str:
    """The settings that answer most with many clients."""
    speed = {}
    for each in settings:
        with _running([*command, *each.split(",")]) as (port, _):
            _asked(folder, "multipart", port, CLIENTS[-1], 2)
            speed[each] = _asked(folder, "multipart", port, CLIENTS[-1], 3)["requests"] / 3
        print(f"litserve {each}: {speed[each]:.1f} /s", file=sys.stderr, flush=True)
    return max(speed, key=speed.__getitem__)


def _asked(folder: Path, kind: str, port: int, clients: int, seconds: int) -> dict[str, Any]:
    """What wrk tells after asking for so long."""
    paths = [str(path) for path in sorted(folder.glob(f"*.{kind}"))]
    command = [
        "wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s",
        "-s", str(PROGRAMS / "wrk.lua"), f"http://127.0.0.1:{port}/predict", *paths,
    ]  # fmt: skip
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _soaked(folder: Path, exported: Path, wanted: int) -> dict[str, Any]:
    """Resident memory of all worker processes as requests go by; every 64th image is cut off."""
    broken = folder / "00.raw"
    broken.write_bytes(_raw(_images(1)[0][:20_000]))
    with _running(_ours(exported)) as (port, process):
        marks: list[dict[str, float]] = []
        done = refused = failed = 0
        while done < wanted:
            found = _asked(folder, "raw", port, 32, 10 if done < wanted - 10_000 else 3)
            done += found["requests"]
            refused += found["refused"]
            failed += found["broken"]
            marks.append({"requests": done, "rss_mib": _memory(process.pid)})
            print(json.dumps(marks[-1]), file=sys.stderr, flush=True)
    at_10k = next((mark for mark in marks if mark["requests"] >= 10_000), marks[-1])
    return {
        "requests": done, "cut_off_and_refused": refused, "connections_broken": failed,
        "rss_mib_at_10k": at_10k["rss_mib"], "rss_mib_at_end": marks[-1]["rss_mib"],
        "marks": marks,
    }  # fmt: skip


def _memory(pid: int) -> float:
    """MiB resident in the children of a process, the workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = (int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in children)
    return round(sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


@contextmanager
def _running(command: list[str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(port) if word == "PORT" else word for word in command],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _wait(port, process)
        yield port, process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        with suppress(ProcessLookupError):  # LitServe leaves processes that go on computing
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.5)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as found:
                found.sendall(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n")
                if found.recv(10):
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("a server did not start")


def _raw(image: bytes) -> bytes:
    head = f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(image)}\r\n"
    return head.encode() + b"content-type: image/jpeg\r\n\r\n" + image


def _multipart(image: bytes) -> bytes:
    body = (
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n'
        b"content-type: image/jpeg\r\n\r\n" + image + b"\r\n--b--\r\n"
    )
    head = f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"content-type: multipart/form-data; boundary=b\r\n\r\n" + body


def _figure(server: str, clients: int, found: dict[str, Any]) -> Figure:
    figure = Figure(
        server, clients, found["requests"], found["refused"] + found["broken"],
        round(found["requests"] / found["microseconds"] * 1e6, 1),
        round(found["p50"] / 1000, 2), round(found["p99"] / 1000, 2),
    )  # fmt: skip
    print(json.dumps(asdict(figure)), file=sys.stderr, flush=True)
    return figure


def _report(
    figures: list[Figure], bare: list[float], wanted: list[str], options: argparse.Namespace
) -> None:
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for server in wanted:
        for clients in CLIENTS:
            own = [each for each in figures if (each.server, each.clients) == (server, clients)]
            row = {"server": server, "clients": clients, "failed": sum(e.failed for e in own)}
            for field in ("per_second", "p50_ms", "p99_ms"):
                values = [getattr(each, field) for each in own]
                row[field] = statistics.median(values)
                row[f"{field}_range"] = [min(values), max(values)]
            rows[server, clients] = row
            print(
                f"{server:14} {clients:3} clients  {row['per_second']:8.1f} /s"
                f"  p50 {row['p50_ms']:8.2f} ms  p99 {row['p99_ms']:8.2f} ms"
            )
    goals = _goals(rows, statistics.median(bare))
    print(f"decoded and computed without a server: {statistics.median(bare):.1f} /s")
    for goal in goals:
        print(goal["goal"], "met" if goal["met"] else "MISSED", goal["times"])
    result = {
        "network": options.preset, "input": options.size, "seconds": options.seconds,
        "rounds": options.rounds, "litserve_tuned": options.tuned, "machine": _machine(),
        "without_a_server_per_second": bare,
        "figures": list(rows.values()), "goals": goals,
    }  # fmt: skip
    _write(result, options)


def _goals(rows: dict[tuple[str, int], dict[str, Any]], bare: float) -> list[dict[str, Any]]:
    """How many times better `foveal serve` with the exported file is than each peer.

    most: what the throughput would be if serving cost nothing.
    """
    found: list[dict[str, Any]] = []
    for peer in PEERS:
        if ("foveal", 1) not in rows or (peer, 1) not in rows:
            continue
        many = rows[peer, CLIENTS[-1]]["per_second"]
        times = rows["foveal", CLIENTS[-1]]["per_second"] / many
        goal = _goal(f"throughput at {CLIENTS[-1]} clients against {peer}", times, "throughput")
        found.append({**goal, "most": round(bare / many, 2)})
        for clients in CLIENTS:
            times = rows[peer, clients]["p50_ms"] / rows["foveal", clients]["p50_ms"]
            found.append(_goal(f"p50 at {clients} clients against {peer}", times, "p50"))
    return found


def _goal(name: str, times: float, kind: str) -> dict[str, Any]:
    wanted = GOALS[kind]
    return {"goal": name, "times": round(times, 2), "wanted": wanted, "met": times >= wanted}


def _write(found: dict[str, Any], options: argparse.Namespace) -> None:
    """Put what was found into the result file, beside what another run of this script found."""
    if options.dry:
        return
    RESULT.parent.mkdir(exist_ok=True)
    old = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps({**old, **found}, indent=1) + "\n")


def _machine() -> dict[str, object]:
    import onnxruntime
    import torch

    return {
        "processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0],
        "python": platform.python_version(), "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
    }  # fmt: skip


if __name__ == "__main__":
    main()
