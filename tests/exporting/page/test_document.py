"""The page as text: its data, its model, its policy, its self-test."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveal.exporting.export import ExportedModel
from foveal.exporting.page.document import PageContent, SelfTest, self_test_images
from foveal.exporting.parity import Parity
from foveal.model.model import load_model
from foveal.pages import read_runtime
from foveal.prediction.page_file import embedded_model

PARITY = Parity(1.0, 1e-6, 0.9, 0.9, None, 100)


@pytest.fixture(scope="module")
def content(digits_run: Path) -> PageContent:
    manifest = load_model(digits_run / "model.safetensors").manifest
    test = SelfTest(np.arange(128, dtype=np.uint8).reshape(2, 8, 8, 1), np.eye(2, 10) / 3, 1e-4)
    exported = ExportedModel(b"\x08\x0aonnx", manifest, "fp32", PARITY)
    return PageContent(exported, "</script>__FOVEAL_MODEL__", 1234, test, "ko")


def data_of(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="foveal">(.*?)</script>', page, re.S)
    data: dict[str, Any] = json.loads(text)
    return data


def test_data_model_and_runtime_are_in_the_page(content: PageContent) -> None:
    page = content.to_html({"name": "Browser 1"})
    data = data_of(page)
    assert data["name"] == "</script>__FOVEAL_MODEL__"
    assert data["labels"] == list("0123456789")
    assert (data["input"], data["fit"]) == ({"height": 8, "width": 8, "channels": 1}, "crop")
    assert (data["crop_fraction"], data["interpolation"]) == (1, "bicubic")
    assert data["temperature"] == 1.3
    assert data["weights"] == {"parameters": 1234, "precision": "fp32", "source": []}
    assert data["check"]["browser"] == {"name": "Browser 1"}
    assert data["check"]["model"]["n"] == 100
    assert embedded_model(page.encode(), Path("x")) == b"\x08\x0aonnx"
    assert base64.b64encode(read_runtime()).decode() in page
    assert '<html lang="ko">' in page
    assert data_of(content.to_html(None))["check"]["browser"] is None


def test_the_policy_allows_the_one_script_and_nothing_else(content: PageContent) -> None:
    page = content.to_html(None)

    def digest(element: str) -> str:
        (text,) = re.findall(rf"<{element}>(.*?)</{element.split()[0]}>", page, re.S)
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    script, style = digest('script type="module"'), digest("style")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy"\s+content="(.*?)"', page, re.S)
    assert re.split(r";\s*", policy) == [
        "default-src 'none'",
        f"script-src 'sha256-{script}' 'wasm-unsafe-eval'",
        f"style-src 'sha256-{style}'",
        "img-src blob:",
        "worker-src blob:",
    ]
    assert not re.search(r'<(script|link|img|iframe)[^>]*\s(src|href)="', page)


def test_the_self_test(content: PageContent) -> None:
    test = data_of(content.to_html(None))["self_test"]
    pixels = b"".join(base64.b64decode(text) for text in test["pixels"])
    assert pixels == content.self_test.pixels.tobytes()
    np.testing.assert_array_equal(test["probabilities"], content.self_test.probabilities)
    assert test["tolerance"] == 1e-4


@pytest.mark.parametrize(
    ("side", "count", "expected"), [(8, 3, 3), (8, 9, 4), (256, 9, 3), (1024, 9, 1)]
)
def test_a_page_holds_few_images(side: int, count: int, expected: int) -> None:
    assert len(self_test_images(np.zeros((count, side, side, 3), np.uint8))) == expected
