"""Build the sdist and from it the wheel, install that extra by extra, and walk every command.

A command either works or says in one sentence which extra it needs. Run by `make wheel`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
INSTALLS = (
    ("", set()),
    ("serve", {"serve"}),
    ("eval", {"serve", "eval"}),
    ("train", {"serve", "eval", "train"}),
)


def main() -> None:
    """Walk every install; exit with a sentence where one command does not do as promised."""
    with tempfile.TemporaryDirectory(prefix="foveal walk ") as name:
        place = Path(name)
        wheel = _wheel(place)
        made = _materials(place)
        python = _environment(place)
        for extra, have in INSTALLS:
            target = f"foveal[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
            _pip(python, "install", "-q", "--no-compile", "-c", str(CONSTRAINTS), target)
            walked = _walk(python, made, have, place / f"out {extra}")
            print(f"install '{extra or 'light'}': {walked} commands do as promised")


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
    from PIL import Image
    from sklearn.datasets import load_digits

    data = place / "digits of mine"
    values, targets = load_digits(return_X_y=True)
    for index in range(400):
        folder = data / str(targets[index])
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (values[index].reshape(8, 8) * 255 / 16).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:04d}.png")
    run, exported = place / "run", place / "exported.onnx"
    own = [sys.executable, "-m", "foveal"]
    train = ["train", str(data), "--epochs", "4", "--out", str(run)]
    export = ["export", str(run / "model.safetensors"), "--out", str(exported)]
    for arguments in (train, export):
        subprocess.run([*own, *arguments], check=True, capture_output=True)
    image = next(iter(sorted(data.rglob("*.png"))))
    return {
        "data": str(data),
        "native": str(run / "model.safetensors"),
        "exported": str(exported),
        "image": str(image),
    }


def _environment(place: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", str(place / "env")], check=True)
    return place / "env" / "bin" / "python"


def _pip(python: Path, *arguments: str) -> None:
    subprocess.run([str(python), "-m", "pip", *arguments], check=True, stdout=subprocess.DEVNULL)


def _commands(made: dict[str, str], out: Path) -> list[tuple[set[str], list[str]]]:
    """(extras needed, arguments) of every command that ends by itself."""
    data, native, exported, image = (made[k] for k in ("data", "native", "exported", "image"))
    light: set[str] = set()
    return [
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
        ({"eval"}, ["evaluate", exported, data, "--split", "all", "--json"]),
        ({"train"}, ["predict", native, image]),
        ({"train"}, ["evaluate", native, data, "--json"]),
        ({"train"}, ["train", data, "--epochs", "1", "--out", f"{out} run"]),
        ({"train"}, ["embed", native, data, "--out", f"{out} vectors.npy"]),
        ({"train"}, ["similar", native, image, "--in", data]),
        ({"train"}, ["explain", native, image, "--out", f"{out} lens.html"]),
        ({"train"}, ["export", native, "--out", f"{out} exported.onnx"]),
    ]


def _walk(python: Path, made: dict[str, str], have: set[str], out: Path) -> int:
    commands = _commands(made, out)
    if have and "train" not in have:  # what needs no extra is walked without any and with all
        commands = [command for command in commands if command[0]]
    if "train" not in have:
        commands.append(({"train"}, ["demo", "--out", f"{out} demo"]))
    for needs, arguments in commands:
        _one(python, needs, have, arguments, out.parent)
    _serve(python, ["serve", made["exported"]], "/v2/health/ready", have, out.parent)
    _serve(python, ["studio", f"{out} studio", "--no-browser"], "/", have, out.parent)
    return len(commands) + 2


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
        assert done.returncode == 1, f"status {done.returncode}: {what}"
        assert "': type  pip install 'foveal[" in done.stderr, what
        assert len(done.stderr.strip().splitlines()) == 1, what


def _serve(python: Path, command: list[str], path: str, have: set[str], place: Path) -> None:
    """Start a server, wait until `path` is answered (the studio asks for its token), stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [*command, "--port", str(port)]
    if "serve" not in have:
        _one(python, {"serve"}, have, arguments, place)
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
