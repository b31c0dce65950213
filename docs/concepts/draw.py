"""Draws every image of the concept pages, in English and Korean, with Foveal's own numbers.

    python docs/concepts/draw.py            writes images/*.svg and ko/images/*.svg
    python docs/concepts/draw.py --check    exit status 1 where one on the disk is not current

The network is `digits.safetensors`: two convolutions, trained for 30 epochs on the 8x8 digits that
come with scikit-learn; `transfer` shows the first layer of EfficientNet-Lite0, whose weights come
with the extra `pretrained`. It knows no words of the pages but those in KOREAN.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sheet import Sheet
from sklearn.datasets import load_digits

import foveal
from foveal.convolution import kernels, windows
from foveal.convolution.activations import ACTIVATIONS, activate
from foveal.convolution.settings import WindowSettings
from foveal.explanation.activations import Activations, record_activations
from foveal.prediction.prediction import probabilities_from_logits
from foveal.pretrained.load import load_pretrained
from foveal.spec.values import PaddingMode

HERE = Path(__file__).resolve().parent
MODEL = HERE / "digits.safetensors"
IMAGE = np.array([[1, 2, 0, 1], [0, 3, 1, 2], [2, 1, 0, 1], [1, 0, 2, 3]], float)
KERNEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], float)
KOREAN = {
    "input": "입력",
    "filter": "필터",
    "products": "곱",
    "sum": "합",
    "output": "출력",
    "filter, turned": "뒤집은 필터",
    "correlation": "상호상관",
    "convolution": "합성곱 (flip)",
    "padding": "패딩",
    "pooling": "풀링",
    "activation": "활성화 함수",
    "image": "입력",
    "filters": "필터",
    "feature maps": "특징 맵",
    "before": "통과 전",
    "after relu": "relu 통과 후",
    "max_pool 2": "최대 풀링 2",
    "avg_pool 2": "평균 풀링 2",
    "stride": "스트라이드",
    "logits / T": "로짓 / T",
    "softmax": "소프트맥스",
    "maps": "맵",
    "flatten": "평탄화",
    "weights": "가중치",
    "bias": "편향",
    "sigmoid": "시그모이드",
    "transfer": "전이 학습",
}
Say = Callable[[str], str]


def convolution(say: Say) -> Sheet:
    """The filter at its first two places: window, products, sum."""
    sheet, feature_map = Sheet(say("convolution")), windows.convolve(IMAGE, KERNEL)
    tops = (34, 200)
    for top, step in zip(tops, windows.steps(IMAGE, KERNEL), strict=False):
        middle = top + 62
        right = sheet.grid(IMAGE, 12, top, 32)
        sheet.frame(12 + 32 * step.column, top + 32 * step.row, 96, 96)
        sheet.text(right + 8, middle, "×")
        right = sheet.grid(KERNEL, right + 26, top + 16, 32)
        sheet.text(right + 8, middle, "=")
        right = sheet.grid(step.products, right + 26, top + 16, 32)
        sheet.text(right + 10, middle, f"{say('sum')} {step.sum:g} →")
        left = right + 96
        sheet.grid(feature_map, left, top + 32, 32)
        sheet.frame(left + 32 * step.column, top + 32 + 32 * step.row, 32, 32)
    for x, word in ((12, "input"), (166, "filter"), (288, "products"), (480, "output")):
        sheet.text(x, 22, say(word))
    return sheet


def flip(say: Say) -> Sheet:
    """Correlation and convolution of one input: the filter as it is, and turned."""
    sheet, feature_map = Sheet(say("convolution")), windows.convolve(IMAGE, KERNEL)
    turned = windows.convolve(IMAGE, KERNEL, WindowSettings(flip=True))
    x = 12.0
    for word, values in (
        ("filter", KERNEL),
        ("correlation", feature_map),
        ("filter, turned", KERNEL[::-1, ::-1]),
        ("convolution", turned),
    ):
        sheet.text(x, 22, say(word))
        x = max(sheet.grid(values, x, 34, 32) + 40, x + 130)
    return sheet


def feature_maps(say: Say) -> Sheet:
    """One digit, the first layer's filters, and what each makes of it."""
    sheet, activations = Sheet(say("feature maps")), record(3)
    module = activations.layer("conv_1").module
    assert module is not None
    filters = module.get_parameter("weight").detach().numpy()[:, 0]
    maps = activations.layer("conv_1").output.numpy()
    sheet.text(12, 22, say("image"))
    sheet.grid(activations.layers[0].output.numpy()[0], 12, 72, 10, grey=True, written=False)
    sheet.text(124, 22, say("filters"))
    sheet.text(124, 92, say("feature maps"))
    for at, (kernel, one) in enumerate(zip(filters, maps, strict=True)):
        left = 124 + at * 72
        sheet.grid(kernel, left + 12, 32, 13, most=float(np.abs(filters).max()), written=False)
        sheet.grid(one, left, 102, 8, most=float(np.abs(maps).max()), written=False)
    return sheet


def activation(say: Say) -> Sheet:
    """The ten functions from -4 to 4, and a map before and after relu."""
    sheet, xs = Sheet(say("activation")), np.linspace(-4, 4, 81)
    for at, name in enumerate(ACTIVATIONS[1:]):
        left, top = 12 + at % 5 * 130, 30 + at // 5 * 110
        sheet.text(left, top - 6, name)
        sheet.line([(left, top + 60), (left + 112, top + 60)], "#999")
        sheet.line([(left + 56, top), (left + 56, top + 84)], "#999")
        curve = activate(xs, name)
        sheet.line(zip(left + 56 + xs * 14, top + 60 - curve * 14, strict=True))
    activations = record(3)
    for x, word, name in ((12, "before", "conv_1"), (150, "after relu", "relu_1")):
        values = activations.layer(name).output.numpy()[strongest_map(activations)]
        sheet.text(x, 262, say(word))
        most = float(
            np.abs(activations.layer("conv_1").output.numpy()[strongest_map(activations)]).max()
        )
        sheet.grid(values, x, 272, 13, most=most, written=False)
    sheet.put("", 650, 0)
    return sheet


def pooling(say: Say) -> Sheet:
    """A 4x4 map, the largest and the mean of each 2x2 window."""
    sheet, image = Sheet(say("pooling")), IMAGE
    right = sheet.grid(image, 12, 34, 32)
    sheet.text(12, 22, say("input"))
    for row, column in np.ndindex(2, 2):
        sheet.frame(12 + 64 * column, 34 + 64 * row, 64, 64)
    results = (
        ("max_pool 2", windows.pool(image, "max", (2, 2))),
        ("avg_pool 2", windows.pool(image, "avg", (2, 2))),
    )
    for word, pooled in results:
        sheet.text(right + 40, 22, say(word))
        right = sheet.grid(pooled, right + 40, 66, 32, most=3) + 20
    return sheet


def padding(say: Say) -> Sheet:
    """The same 4x4 input with one cell around it in every mode."""
    sheet, image = Sheet(say("padding")), IMAGE
    modes: list[tuple[str, PaddingMode, float]] = [
        ("constant 0", "constant", 0.0),
        ("constant -1", "constant", -1.0),
        ("reflect", "reflect", 0.0),
        ("replicate", "replicate", 0.0),
        ("circular", "circular", 0.0),
    ]
    for at, (word, mode, value) in enumerate(modes):
        left = 12 + at * 152
        sheet.text(left, 22, word)
        settings = WindowSettings(padding=(1, 1, 1, 1), padding_mode=mode, padding_value=value)
        sheet.grid(windows.pad(image, settings), left, 34, 22, most=3)
        sheet.frame(left + 22, 56, 88, 88)
    return sheet


def stride(say: Say) -> Sheet:
    """Where a 3x3 filter stops on an 8x8 digit at stride 1, 2 and 3, and what comes out."""
    sheet, image = Sheet(say("stride")), record(3).layers[0].output.numpy()[0].astype(float)
    kernel = kernels.named_kernel("sobel-x")
    for at, step in enumerate((1, 2, 3)):
        left = 12 + at * 230
        result = windows.convolve(image, kernel, WindowSettings(stride=(step, step)))
        size = f"{say('stride')} {step}: {result.shape[0]}x{result.shape[1]}"
        sheet.text(left, 22, size)
        right = sheet.grid(image, left, 34, 14, grey=True, written=False)
        for row, column in np.ndindex(result.shape):
            y, x = 34 + 14 * (row * step + 1.5), left + 14 * (column * step + 1.5)
            sheet.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="3" fill="#ba540c"/>')
        sheet.frame(left, 34, 42, 42)
        sheet.grid(result, right + 12, 34, 14, written=False)
    return sheet


def flatten(say: Say) -> Sheet:
    """Two 2x2 maps, laid out as one row, and one dense unit over it."""
    sheet, (maps, weights, bias) = Sheet(say("flatten")), dense_example()
    sheet.text(12, 22, say("maps"))
    for at, one in enumerate(maps):
        sheet.grid(one, 12 + at * 84, 34, 32, most=3)
    sheet.text(200, 22, say("flatten"))
    sheet.grid(maps.reshape(1, -1), 200, 34, 32, most=3)
    sheet.text(200, 88, f"× {say('weights')}")
    sheet.grid(weights[None], 200, 98, 32, most=3)
    row = maps.reshape(-1)
    sheet.text(200, 154, f"{say('sum')} {row @ weights:g} + {say('bias')} {bias:g} =")
    sheet.grid(np.array([[row @ weights + bias]]), 350, 134, 32, most=3)
    return sheet


def dense_example() -> tuple[np.ndarray, np.ndarray, float]:
    """Two maps (2, 2, 2), a unit's weights (8,) and its bias; the page has the same numbers."""
    maps = np.array([[[1, 0], [2, 3]], [[0, 1], [1, 0]]], float)
    return maps, np.array([1, 0, -1, 0.5, 0, 2, -0.5, 1]), 0.25


def output(say: Say) -> Sheet:
    """The ten logits of a digit and their softmax; the curve of sigmoid."""
    sheet, activations, model = Sheet(say("softmax")), record(5), foveal.load(MODEL)
    logits = activations.logits.numpy() / model.manifest.temperature
    chances = probabilities_from_logits(activations.logits.numpy()[None], model.manifest)[0]
    sheet.grid(activations.layers[0].output.numpy()[0], 12, 60, 12, grey=True, written=False)
    for x, word in ((130, "logits / T"), (330, "softmax"), (510, "sigmoid")):
        sheet.text(x, 22, say(word))
    for at, (label, logit, chance) in enumerate(zip(model.labels, logits, chances, strict=True)):
        y = 34 + at * 20
        sheet.text(130, y + 13, label)
        sheet.text(200, y + 13, f"{logit:.1f}", anchor="end")
        length = abs(float(logit)) * 60 / float(np.abs(logits).max())
        colour = "#1156a0" if logit > 0 else "#ba540c"
        sheet.put(bar(210, y + 3, length, colour), 290, y + 18)
        sheet.text(330, y + 13, f"{chance:.3f}")
        sheet.put(bar(380, y + 3, 90 * float(chance), "#1156a0"), 480, y + 18)
    xs = np.linspace(-6, 6, 61)
    sheet.line([(510, 200), (630, 200)], "#999")
    sheet.line([(570, 60), (570, 200)], "#999")
    curve = 200 - 120 * activate(xs, "sigmoid")
    sheet.line(zip(570 + xs * 10, curve, strict=True))
    for x, word in ((510, "-6"), (566, "0"), (622, "6")):
        sheet.text(x, 216, word, size=11)
    sheet.text(576, 78, "1", size=11)
    return sheet


def transfer(say: Say) -> Sheet:
    """The first filters of a network that learned from photographs, and what they make of a 3."""
    sheet = Sheet(say("transfer"))
    module = load_pretrained("efficientnet-lite0").module
    kernels = next(module.parameters()).detach()
    digit = torch.tensor((load_digits().images[3] * 255 / 16).round(), dtype=torch.float32)
    image = torch.nn.functional.interpolate(digit[None, None], size=(32, 32), mode="bilinear")
    image = image.expand(1, 3, -1, -1)
    padded = torch.nn.functional.pad((image - 127) / 128, (0, 1, 0, 1))
    maps = torch.nn.functional.conv2d(padded, kernels, stride=2)[0].numpy()
    order = np.argsort(-kernels.abs().amax((1, 2, 3)).numpy(), kind="stable")[:16]
    sheet.text(12, 22, say("image"))
    sheet.grid(digit.numpy(), 12, 72, 10, grey=True, written=False)
    sheet.text(124, 22, say("filters"))
    sheet.text(124, 92, say("feature maps"))
    for at, number in enumerate(order):
        left = 124 + at * 60
        sheet.colours(kernels[number].numpy(), left + 6, 32, 13)
        most = float(np.abs(maps[number]).max())
        sheet.grid(maps[number], left, 102, 3, most=most, written=False)
    return sheet


def bar(x: float, y: float, length: float, colour: str) -> str:
    """A bar of a chart."""
    return f'<rect x="{x:g}" y="{y:g}" width="{length:.1f}" height="12" fill="{colour}"/>'


def record(index: int) -> Activations:
    """The activations of one digit."""
    model = foveal.load(MODEL)
    levels = (load_digits().images[index] * 255 / 16).round()
    image = torch.tensor(levels, dtype=torch.float32)[None, None]
    return record_activations(model, image, index)


def strongest_map(activations: Activations) -> int:
    """The map of the first layer with the largest activation."""
    return int(activations.layer("conv_1").output.amax((1, 2)).argmax())


def network(_: Say) -> str:
    """What `foveal show` draws of the network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.svg"
        foveal.show(MODEL, out=path)
        return path.read_text(encoding="utf-8")


def drawn() -> dict[Path, str]:
    """Every image by where it lies."""
    found: dict[Path, str] = {}
    for folder, say in ((HERE, str), (HERE / "ko", KOREAN.get)):

        def word(text: str, say: Callable[[str], str | None] = say) -> str:
            return say(text) or text

        sheets = (
            convolution,
            flip,
            feature_maps,
            activation,
            pooling,
            padding,
            stride,
            flatten,
            output,
            transfer,
        )
        for make in sheets:
            name = make.__name__.replace("_", "-")
            found[folder / "images" / f"{name}.svg"] = make(word).svg()
    found[HERE / "images" / "network.svg"] = network(str)
    return found


def main() -> int:
    """Write what is not current, or with --check name it."""
    stale = [
        path
        for path, text in drawn().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv:
        print(*(f"not current: {path}" for path in stale), sep="\n")
        return int(bool(stale))
    for path, text in drawn().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
