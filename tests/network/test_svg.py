"""The drawing is one well-formed SVG without scripts or foreign addresses."""

import re
from xml.etree import ElementTree

import pytest

from foveal.network.presets import load_preset, preset_names
from foveal.network.shapes import trace
from foveal.network.svg import render_svg


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_drawn_with_a_bar_a_layer(name):
    network = load_preset(name)
    traced = trace(network, 10)
    text = render_svg(network, traced, 10)
    root = ElementTree.fromstring(text)
    bars = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if one.get("fill")]
    assert len(bars) == len(list(traced.walk()))
    assert "<script" not in text
    assert re.findall(r"https?://[^\"']+", text) == ["http://www.w3.org/2000/svg"]
    skips = list(root.iter("{http://www.w3.org/2000/svg}path"))
    assert len(skips) == sum(step.layer.kind == "residual" for step in traced.walk())
