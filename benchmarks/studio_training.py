"""Images a second of a run of the studio with its live views open, and of the command line.

    python benchmarks/studio_training.py prepare FOLDER IMAGES
    python benchmarks/studio_training.py measure FOLDER [PAIRS]

`prepare` makes a workspace in FOLDER and decodes the images of the folder IMAGES once. `measure`
trains the same table with the same network and seed by `foveal train` and through the studio, in
turn, in every other pair the studio first; the studio's Train tab is open in chromium then, with
curves, filters, feature maps and wrong images. Images a second are those of the epochs after the
first, validation included; server_cpu and browser_cpu are the processor time that the studio and
the browser (with all its processes) take meanwhile, in seconds a second. Adds to
results/studio_training.json. A pair takes two to four minutes.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import inference

from foveal import __version__

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "studio_training.json"
NETWORK = (
    "input: {height: 64, width: 64, channels: 3}\n"
    "layers: [conv: 24, batch_norm, relu, max_pool: 2, conv: 48, batch_norm, relu, max_pool: 2, "
    "conv: 96, batch_norm, relu, max_pool: 2, conv: 128, batch_norm, relu, global_avg_pool, "
    "output: softmax]\n"
)
EPOCHS = 12
POLL_SECONDS = 5.0
"""Asking for the run reads its curves: asked every second, that alone is felt."""
RECIPE = {"batch_size": 64, "translate": 0.0, "random_crop": 1.0, "rotation_degrees": 0.0}


def main() -> None:
    """Prepare or measure."""
    action, folder = sys.argv[1], Path(sys.argv[2])
    if action == "prepare":
        prepare(folder, Path(sys.argv[3]))
        return
    known = json.loads(RESULTS.read_text())["pairs"] if RESULTS.is_file() else []
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    pairs = [measure(folder, studio_first=(len(known) + one) % 2 == 1) for one in range(count)]
    rows = [*known, *pairs]
    ratios = [row["studio"] / row["command_line"] for row in rows]
    whole = {
        "processor": inference.processor(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        "python": platform.python_version(),
        "pairs": rows,
        "ratio_median": median(ratios),
    }
    RESULTS.write_text(json.dumps(whole, indent=2) + "\n")
    print(json.dumps(whole, indent=2))


def prepare(folder: Path, images: Path) -> None:
    """A workspace with a project of the images, and a run that has decoded them."""
    process, client = start(folder)
    try:
        project = client.post("/api/projects", json={"name": "images"}).json()["id"]
        client.post(f"/api/projects/{project}/folders", json={"path": str(images.absolute())})
        wait_until(client, f"/api/projects/{project}", lambda found: found["images"] > 0)
        run_in_studio(client, project, epochs=1)
        (folder / "project").write_text(project)
    finally:
        process.terminate()
        process.wait()


def measure(folder: Path, *, studio_first: bool) -> dict[str, float]:
    """Images a second of one run each."""
    project = (folder / "project").read_text()
    table = next((folder / "workspace" / "projects" / project).glob("runs/*/images.jsonl"))
    if studio_first:
        return {**run_watched(folder, project), "command_line": run_by_command(folder, table)}
    return {"command_line": run_by_command(folder, table), **run_watched(folder, project)}


def run_watched(folder: Path, project: str) -> dict[str, float]:
    """Images a second through the studio whose page is open, and the processor time of both."""
    process, client = start(folder)
    page = subprocess.Popen(
        ["node", str(ROOT / "web" / "tests" / "watch_run.mjs"), client.headers["x-url"], project]
    )
    watch = CpuWatch(process.pid, page.pid)
    try:
        path = run_in_studio(client, project, epochs=EPOCHS, watch=watch)
    finally:
        watched = page.wait(60)
        process.terminate()
        process.wait()
    if watched:
        raise SystemExit("the page could not be opened, so nothing was measured: npm ci in web/")
    return {"studio": images_per_second(path), **watch.shares()}


def start(folder: Path) -> tuple[subprocess.Popen[str], httpx.Client]:
    """A studio, and a client that may use it."""
    words = [sys.executable, "-m", "foveal", "studio", str(folder / "workspace")]
    process = subprocess.Popen(
        [*words, "--no-browser", "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    url = next(line.split()[2] for line in process.stderr if line.startswith("studio at "))
    base = url.partition("/?")[0]
    headers = {"origin": base, "x-url": url}
    client = httpx.Client(base_url=base, headers=headers, timeout=600, follow_redirects=True)
    client.get(url)
    return process, client


class CpuWatch:
    """Processor time of the studio's own process and of the browser's, while epochs are trained."""

    def __init__(self, server: int, browser: int) -> None:
        self._server, self._browser = server, browser
        self._samples: list[tuple[float, float, float]] = []

    def look(self, found: dict[str, Any]) -> None:
        """found: the run, as the studio tells it."""
        if found["state"] == "running" and found["epochs"] >= 1:
            browser = sum(map(cpu_seconds, descendants(self._browser)))
            self._samples.append((time.monotonic(), cpu_seconds(self._server), browser))

    def shares(self) -> dict[str, float]:
        """Seconds a second of each."""
        (began, server, browser), (ended, *after) = self._samples[0], self._samples[-1]
        seconds = ended - began
        return {
            "server_cpu": round((after[0] - server) / seconds, 4),
            "browser_cpu": round((after[1] - browser) / seconds, 4),
        }


def descendants(pid: int) -> list[int]:
    """A process and all that it started, which are alive."""
    found = [pid]
    for each in found:
        for file in Path(f"/proc/{each}/task").glob("*/children"):
            found += map(int, file.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """That a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_in_studio(
    client: httpx.Client, project: str, *, epochs: int, watch: CpuWatch | None = None
) -> Path:
    """Train to the end; the folder of the run."""
    body = {"network": NETWORK, "epochs": epochs, "recipe": RECIPE, "start_from": "scratch"}
    run = client.post(f"/api/projects/{project}/runs", json=body).json()
    path = f"/api/projects/{project}/runs/{run['id']}"

    def ended(found: dict[str, Any]) -> bool:
        if watch is not None:
            watch.look(found)
        return bool(found["state"] != "running")

    wait_until(client, path, ended)
    workspace = Path(client.get("/api/studio").json()["workspace"])
    return workspace / "projects" / project / "runs" / run["id"]


def wait_until(client: httpx.Client, path: str, reached: Any) -> None:
    while not reached(client.get(path).json()):
        time.sleep(POLL_SECONDS)


def run_by_command(folder: Path, table: Path) -> float:
    """Images a second of `foveal train` on the same table."""
    out = folder / f"command-{time.time():.0f}"
    network = folder / "network.yaml"
    network.write_text(NETWORK)
    words = ["train", str(table), "--network", str(network), "--epochs", str(EPOCHS)]
    for key, value in RECIPE.items():
        words += ["--set", f"{key}={value}"]
    words += ["--from", "scratch", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "foveal", *words], check=True, capture_output=True)
    return images_per_second(out)


def images_per_second(run: Path) -> float:
    """Of the epochs after the first."""
    images = json.loads((run / "data.json").read_text())["counts"]["train"]
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    seconds = [line["seconds"] for line in lines[1:]]
    return float(images * len(seconds) / sum(seconds))


if __name__ == "__main__":
    main()
