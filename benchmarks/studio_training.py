"""What the studio's live views take from a training that they show.

    python benchmarks/studio_training.py prepare FOLDER IMAGES
    python benchmarks/studio_training.py measure FOLDER [RUNS]

`prepare` makes a workspace in FOLDER and decodes the images of the folder IMAGES once. `measure`
trains in the studio. In every other block of epochs its Train tab is open in chromium, with curves,
filters, feature maps and wrong images; in the others the browser shows an empty page and the
studio's process is stopped, so that the run is what `foveal train --track steps` is. The first
epoch of a block is left out. Images a second of two neighbouring blocks are compared, validation
included: this machine's own speed changes by 15 % within a minute, which pairs of whole runs do
not cancel. tracker is the share of a run's seconds that writing its live files takes. Adds to
results/studio_training.json. A run takes five minutes.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
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
BLOCK, BLOCKS = 3, 20
"""Epochs of a block, of which the first is left out; blocks of a run."""
LOOK_SECONDS = 0.1
"""Between two looks at the log of the run."""
POLL_SECONDS = 1.0
RECIPE = {"batch_size": 64, "translate": 0.0, "random_crop": 1.0, "rotation_degrees": 0.0}


def main() -> None:
    """Prepare or measure."""
    action, folder = sys.argv[1], Path(sys.argv[2])
    if action == "prepare":
        prepare(folder, Path(sys.argv[3]))
        return
    known = json.loads(RESULTS.read_text())["pairs"] if RESULTS.is_file() else []
    for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
        known += measure(folder)
    ratios = sorted(pair["watched"] / pair["alone"] for pair in known)
    whole = {
        "processor": inference.processor(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        "python": platform.python_version(),
        "tracker": tracker_share(folder),
        "ratio_median": median(ratios),
        "ratio_quartiles": [ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]],
        "pairs": known,
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
        run = start_run(client, project, epochs=1)
        wait_until(client, run, lambda found: found["state"] != "running")
        (folder / "project").write_text(project)
    finally:
        process.terminate()
        process.wait()


def measure(folder: Path) -> list[dict[str, float]]:
    """Images a second of each two neighbouring blocks of a run."""
    project = (folder / "project").read_text()
    process, client = start(folder)
    command = ["node", str(ROOT / "web" / "tests" / "watch_run.mjs"), client.headers["x-url"]]
    page = subprocess.Popen(
        [*command, project], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        tell(page, "", "ready")
        path = start_run(client, project, epochs=BLOCK * BLOCKS)
        run = folder / "workspace" / path.removeprefix("/api/")
        alternate(run, process, page)
        process.send_signal(signal.SIGCONT)
        wait_until(client, path, lambda found: found["state"] != "running")
    finally:
        page.communicate(timeout=60)  # its standard input ends, and so does it
        process.kill()
        process.wait()
    images = json.loads((run / "data.json").read_text())["counts"]["train"]
    seconds = epoch_seconds(run)
    blocks = [seconds[start + 1 : start + BLOCK] for start in range(0, len(seconds), BLOCK)]
    speeds = [images * len(block) / sum(block) for block in blocks]
    return [
        {"watched": watched, "alone": alone}
        for watched, alone in zip(speeds[::2], speeds[1::2], strict=True)
    ]


def alternate(run: Path, server: subprocess.Popen[str], page: subprocess.Popen[str]) -> None:
    """Open and leave the page from block to block, until the run is trained."""
    for number in range(BLOCKS):
        if number % 2 == 0:
            server.send_signal(signal.SIGCONT)
            tell(page, "watch", "watch")
        else:
            tell(page, "leave", "leave")
            server.send_signal(signal.SIGSTOP)
        wait_for_epoch(run, (number + 1) * BLOCK)


def tell(page: subprocess.Popen[str], line: str, answer: str) -> None:
    """Send the page a line, and wait until it has done that."""
    assert page.stdin is not None
    assert page.stdout is not None
    if line:
        page.stdin.write(f"{line}\n")
        page.stdin.flush()
    if page.stdout.readline().strip() != answer:
        raise SystemExit("the page could not be opened, so nothing was measured: npm ci in web/")


def wait_for_epoch(run: Path, count: int) -> None:
    """Until so many epochs are done."""
    while len(epoch_seconds(run)) < count:
        time.sleep(LOOK_SECONDS)


def epoch_seconds(run: Path) -> list[float]:
    """Of the epochs that are done."""
    try:
        lines = (run / "log.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line)["seconds"] for line in lines]


def tracker_share(folder: Path) -> float:
    """The share of a run's seconds that its live files take, in a run of four epochs."""
    from foveal.training.run.live import LiveFiles
    from foveal.verbs.train import train

    project = (folder / "project").read_text()
    table = next((folder / "workspace" / "projects" / project).glob("runs/*/images.jsonl"))
    write, spent = LiveFiles.write, 0.0

    def timed(*arguments: Any) -> None:
        nonlocal spent
        began = time.perf_counter()
        write(*arguments)
        spent += time.perf_counter() - began

    LiveFiles.write = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory(prefix="foveal-studio-") as place:
        network = Path(place) / "network.yaml"
        network.write_text(NETWORK)
        train(
            table,
            network=network,
            epochs=4,
            overrides=RECIPE,
            start_from="scratch",
            track=("steps",),
            out=Path(place) / "run",
        )
        return round(spent / sum(epoch_seconds(Path(place) / "run")), 5)


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


def start_run(client: httpx.Client, project: str, *, epochs: int) -> str:
    """Start to train; the address of the run."""
    body = {"network": NETWORK, "epochs": epochs, "recipe": RECIPE, "start_from": "scratch"}
    run = client.post(f"/api/projects/{project}/runs", json=body).json()
    return f"/api/projects/{project}/runs/{run['id']}"


def wait_until(client: httpx.Client, path: str, reached: Any) -> None:
    """Until what the studio answers satisfies `reached`."""
    while not reached(client.get(path).json()):
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
