"""The page at / in a real browser: files, the camera, the token, both languages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.browser


def test_the_page(local, images, tmp_path: Path) -> None:
    token = "a-token-for-the-page-0123456789"
    image, broken = tmp_path / "a.png", tmp_path / "b.png"
    image.write_bytes(images[0])
    broken.write_bytes(b"nothing")
    models = {"animals": Path("/x/a"), "plants": Path("/x/b")}
    explain = lambda *_: "<!doctype html><title>why</title>"  # noqa: E731
    with local(token=token, models=models, explain=explain) as server:
        headers = {"authorization": f"Bearer {token}"}
        prediction = httpx.post(
            f"{server.url}/predict", content=images[0], headers=headers, timeout=60
        ).json()
        script = Path(__file__).with_name("page.mjs")
        done = subprocess.run(
            ["node", script, server.url, token, image, broken, json.dumps(prediction)],
            capture_output=True,
            text=True,
            timeout=200,
        )
    assert done.returncode == 0, done.stderr[-3000:]
