"""What the shortcut of POST /predict gains: the whole server with and without it.

    python benchmarks/serving_variants.py [--rounds 5] [--seconds 5] [--workload photo]

Variants: `product` is the server as it is; `no-shortcut` sends POST /predict through FastAPI's
routing instead of PredictShortcut (serving/app.py). A variant is the same command with the class
replaced in the processes that this script starts; the package has no switch for it.

Workloads: `photo` is a 500x375 JPEG and swift-s at 64 px, as in serving.py; `tiny` a 32x32 JPEG
and lenet5, where the server itself takes the largest part of the time. Exported files; 1 and 32
clients, wrk (apt-get install wrk). Variants take turns in every round, in alternating order; the
figures are medians over the rounds and the ratio of each variant to `product`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

CLIENTS = (1, 32)
VARIANTS = ("product", "no-shortcut")
WORKLOADS = {"photo": ("swift-s", 64, 375, 500), "tiny": ("lenet5", 32, 32, 32)}
"""Preset, its input size, height and width of the JPEG images, in px."""
FIGURES = ("per_second", "p50_ms", "p99_ms")
RESULT = Path(__file__).resolve().parent / "results" / "serving_variants.json"


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] in ("--serve", "--worker"):
        raise SystemExit(_serve() if sys.argv[1] == "--serve" else _worker())
    from http_load import check_wrk

    options = _parse_options()
    check_wrk()
    rows = [row for workload in options.workload for row in _measure(workload, options)]
    for row in rows:
        print(
            f"{row['workload']:6} {row['variant']:14} {row['clients']:3} clients"
            f"  {row['per_second']:8.1f} /s ({row['per_second_ratio']:.3f})"
            f"  p50 {row['p50_ms']:7.2f} ms ({row['p50_ms_ratio']:.3f})"
            f"  p99 {row['p99_ms']:7.2f} ms  failed {row['failed']}"
        )
    if not options.dry:
        RESULT.write_text(json.dumps({"machine": _machine(), "figures": rows}, indent=1) + "\n")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="per variant, clients and round")
    parser.add_argument("--workload", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--dry", action="store_true", help="print, and write no result file")
    return parser.parse_args()


def _measure(workload: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    from http_load import jpeg_images, raw_request, save_models

    preset, size_px, height, width = WORKLOADS[workload]
    runs: dict[tuple[str, int], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="foveal-bench-") as name:
        folder = Path(name)
        _, model = save_models(folder, preset, size_px)
        requests = []
        for index, image in enumerate(jpeg_images(height=height, width=width)):
            requests.append(folder / f"{index:02}.raw")
            requests[-1].write_bytes(raw_request(image))
        for turn in range(options.rounds):
            for variant in VARIANTS if turn % 2 == 0 else VARIANTS[::-1]:
                for clients, figures in _run(variant, model, requests, options.seconds):
                    runs.setdefault((variant, clients), []).append(figures)
                    print(workload, variant, clients, figures, file=sys.stderr, flush=True)
    return [_row(workload, *key, runs) for key in runs]


def _run(
    variant: str, model: Path, requests: list[Path], seconds: int
) -> list[tuple[int, dict[str, float]]]:
    from http_load import run_wrk, running_server

    command = [sys.executable, __file__, "--serve", variant, str(model), "PORT"]
    figures = []
    with running_server(command) as (port, _):
        run_wrk(requests, port, 8, 2)  # warm-up
        for clients in CLIENTS:
            result = run_wrk(requests, port, clients, seconds)
            per_second = result["requests"] / result["microseconds"] * 1e6
            failed = result["rejected"] + result["broken"]
            latency = {"p50_ms": result["p50"] / 1000, "p99_ms": result["p99"] / 1000}
            figures.append((clients, {"per_second": per_second, **latency, "failed": failed}))
    return figures


def _row(
    workload: str,
    variant: str,
    clients: int,
    runs: dict[tuple[str, int], list[dict[str, float]]],
) -> dict[str, Any]:
    own, product = runs[variant, clients], runs["product", clients]
    row: dict[str, Any] = {"workload": workload, "variant": variant, "clients": clients}
    row["n"], row["failed"] = len(own), sum(run["failed"] for run in own)
    for figure in FIGURES:
        values = [run[figure] for run in own]
        row[figure] = round(statistics.median(values), 2)
        row[f"{figure}_range"] = [round(min(values), 2), round(max(values), 2)]
        ratio = statistics.median(values) / statistics.median(run[figure] for run in product)
        row[f"{figure}_ratio"] = round(ratio, 3)
    return row


def _serve() -> int:
    """--serve VARIANT MODEL PORT: the verb, whose workers run this script too."""
    variant, model, port = sys.argv[2:]
    from foveal.serving.processes import child
    from foveal.verbs.serve import serve

    child.worker_command = lambda _module: [sys.executable, __file__, "--worker", variant]
    return serve(model, port=int(port), quiet=True)


def _worker() -> int:
    """--worker VARIANT: one worker process without what the variant leaves out."""
    variant = sys.argv[2]
    from foveal.serving import app
    from foveal.verbs.serve import worker

    if variant == "no-shortcut":
        app.PredictShortcut = lambda routes, _state: routes  # type: ignore[misc, assignment]
    return worker()


def _machine() -> dict[str, object]:
    import onnxruntime
    import uvicorn
    from inference import processor

    from foveal import __version__

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "uvicorn": uvicorn.__version__,
    }


if __name__ == "__main__":
    main()
