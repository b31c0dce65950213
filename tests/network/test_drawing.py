"""The drawing is one well-formed SVG without scripts or foreign addresses."""

import re
from xml.etree import ElementTree

import pytest

from foveal.network.drawing import svg
from foveal.network.presets import preset, presets
from foveal.network.trace import trace


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_drawn_with_a_bar_a_layer(name):
    network = preset(name)
    traced = trace(network, 10)
    text = svg(network, traced, 10)
    root = ElementTree.fromstring(text)
    bars = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if one.get("fill")]
    assert len(bars) == len(list(traced.walk()))
    assert "<script" not in text
    assert re.findall(r"https?://[^\"']+", text) == ["http://www.w3.org/2000/svg"]
    skips = list(root.iter("{http://www.w3.org/2000/svg}path"))
    assert len(skips) == sum(step.layer.kind == "residual" for step in traced.walk())
