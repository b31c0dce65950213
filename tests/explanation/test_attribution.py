"""Attribution maps against plain loops, exact identities and images whose answer is known."""

import numpy as np
import pytest
import torch
from torch import nn

from foveal.explanation import attribution as a
from foveal.explanation.faithfulness import baseline, judge, rank_correlation, shuffled
from foveal.explanation.target import Target


def corner_network() -> nn.Module:
    """Two classes: the second is how bright the upper left quarter is; nothing else matters."""

    class Corner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 1)
            self.dense = nn.Linear(2 * 16 * 16, 2)
            with torch.no_grad():
                self.conv.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
                self.conv.bias.zero_()
                self.dense.weight.zero_()
                self.dense.bias.zero_()
                self.dense.weight[1].view(2, 16, 16)[0, :8, :8] = 0.002

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.dense(torch.relu(self.conv(x)).flatten(1))

    return Corner().eval()


@pytest.fixture
def decision():
    return Target(corner_network(), 1, "softmax", 1.0, torch.zeros(1))


@pytest.fixture
def image():
    return 60 + 100 * torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def makers(decision):
    return {
        "cam": lambda d, p: a.enlarge(a.cam(d, p, d.module.conv, "hires_cam"), 16, 16),
        "integrated_gradients": lambda d, p: a.integrated_gradients(d, p),
        "occlusion": lambda d, p: a.occlusion(d, p),
    }


@pytest.mark.parametrize("method", a.METHODS)
def test_the_map_lies_on_the_quarter_that_matters_and_passes(decision, image, method):
    make = makers(decision)[method]
    values = make(decision, image)
    assert values.dtype == np.float32
    assert values.shape == (16, 16)
    inside = np.abs(values[:8, :8]).sum() / np.abs(values).sum()
    assert inside > 0.75
    against = baseline(decision, image)
    verdict = judge(decision, image, values, lambda d: make(d, image), against)
    assert verdict.trustworthy, verdict.reason
    assert verdict.beaten == verdict.orders == 19


def test_integrated_gradients_sum_to_the_difference(some):
    """Completeness, with the error of the pieces."""
    height, width, channels = some.manifest.network.input.shape
    given = torch.from_numpy(np.random.default_rng(3).uniform(0, 255, (1, channels, height, width)))
    given = given.float()
    background = torch.full((given.shape[1],), 127.0)
    decision = Target(some.module, 1, "softmax", 1.0, background)
    parts = a.integrated_gradients(decision, given, steps=256)
    with torch.no_grad():
        ends = [float(decision.score(some.module(x))) for x in (given, decision.nothing(given))]
    assert parts.sum() == pytest.approx(ends[0] - ends[1], rel=0.05, abs=0.02)


def test_occlusion_is_a_plain_loop(decision, image):
    values = a.occlusion(decision, image, patches=4)
    total, seen = np.zeros((16, 16)), np.zeros((16, 16))
    with torch.no_grad():
        full = float(decision.module(image)[0, 1])
        for top in range(0, 13, 2):
            for left in range(0, 13, 2):
                covered = image.clone()
                covered[:, :, top : top + 4, left : left + 4] = 0
                fall = full - float(decision.module(covered)[0, 1])
                total[top : top + 4, left : left + 4] += fall
                seen[top : top + 4, left : left + 4] += 1
    assert np.allclose(values, total / seen, atol=1e-5)


def test_grad_cam_is_the_formula(decision, image):
    got = a.cam(decision, image, decision.module.conv, "grad_cam")
    maps = decision.module.conv(image)[0].detach().requires_grad_()
    score = decision.module.dense(torch.relu(maps)[None].flatten(1))[0, 1]
    (gradient,) = torch.autograd.grad(score, maps)
    want = (gradient.mean((1, 2), keepdim=True) * maps).sum(0).clamp(min=0)
    assert np.allclose(got, want.detach().numpy(), atol=1e-6)


def test_layer_and_variant_are_chosen_with_a_reason():
    places = [
        a.LayerSize("conv_1", 16, 16),
        a.LayerSize("conv_2", 4, 4),
        a.LayerSize("conv_3", 2, 2),
    ]
    choice = a.choose_cam_layer(places, averaged=True)
    assert (choice.layer, choice.variant) == ("conv_2", "grad_cam")
    assert choice.reason == (
        "conv_2 is the deepest layer whose maps still show 4 x 4 places; the maps are averaged "
        "before the decision, so each map has one weight"
    )
    assert a.choose_cam_layer(places, averaged=False).variant == "hires_cam"
    assert (
        a.choose_cam_layer(
            [a.LayerSize("a", 3, 2), a.LayerSize("b", 3, 2), a.LayerSize("c", 1, 1)], True
        ).layer
        == "b"
    )
    assert a.choose_cam_layer([a.LayerSize("a", 1, 1)], True) is None


def test_a_map_that_points_elsewhere_fails(decision, image):
    wrong = np.zeros((16, 16), np.float32)
    wrong[8:, 8:] = np.arange(64).reshape(8, 8)
    verdict = judge(decision, image, wrong, lambda d: wrong, baseline(decision, image))
    assert not verdict.trustworthy
    assert verdict.beaten < 19
    assert verdict.likeness == pytest.approx(1)
    assert verdict.reason.endswith("but it stays alike (1.00) when the weights are shuffled")


def test_a_right_map_that_ignores_the_weights_fails(decision, image):
    right = a.integrated_gradients(decision, image)
    verdict = judge(decision, image, right, lambda d: right, baseline(decision, image))
    assert verdict.beaten == 19
    assert not verdict.trustworthy


def test_an_empty_map_says_so(decision, image):
    empty = np.zeros((16, 16), np.float32)
    verdict = judge(decision, image, empty, lambda d: empty, baseline(decision, image))
    assert not verdict.trustworthy
    assert verdict.reason == "the map is the same everywhere: it points at nothing"


def test_curves_begin_and_end_where_they_must(decision, image):
    against = baseline(decision, image, orders=3, steps=4)
    with torch.no_grad():
        full, nothing = (
            float(decision.probability(decision.module(x)))
            for x in (image, decision.nothing(image))
        )
    assert against.curves.deletion[0] == pytest.approx(full)
    assert against.curves.deletion[-1] == pytest.approx(nothing)
    assert against.curves.insertion[0] == pytest.approx(nothing)
    assert against.curves.insertion[-1] == pytest.approx(full)


def test_few_images_are_made_at_a_time(decision, image, monkeypatch):
    """A large image must not be held once for every patch and every step."""
    made = []

    def seen(_module, given, _output):
        made.append(len(given[0]))

    whole = a.occlusion(decision, image), baseline(decision, image).gains
    monkeypatch.setattr("foveal.explanation.target.BATCH_CELLS", 12 * image.numel())
    held = []
    original = Target.logits
    monkeypatch.setattr(Target, "logits", lambda own, x: held.append(len(x)) or original(own, x))
    handle = decision.module.register_forward_hook(seen)
    parts = a.occlusion(decision, image), baseline(decision, image).gains
    handle.remove()
    assert max(held) <= 24  # masked and unmasked
    assert max(made) <= 3
    assert np.allclose(parts[0], whole[0], atol=1e-5)
    assert np.allclose(parts[1], whole[1], atol=1e-5)


def test_rank_correlation_is_scipys():
    from scipy.stats import spearmanr

    random = np.random.default_rng(0)
    one, other = random.integers(0, 9, (6, 7)), random.normal(size=(6, 7))
    want = spearmanr(one.ravel(), other.ravel()).statistic
    assert rank_correlation(one, other) == pytest.approx(want)
    assert rank_correlation(np.ones(5), np.arange(5)) == 0


def test_shuffling_keeps_the_numbers_and_the_original(decision):
    before = decision.module.dense.weight.clone()
    other = shuffled(decision, 0)
    assert torch.equal(decision.module.dense.weight, before)
    after = other.module.dense.weight
    assert not torch.equal(after, before)
    assert torch.equal(after.flatten().sort().values, before.flatten().sort().values)


@pytest.mark.parametrize("target", [0, 1])
def test_one_unit_for_two_classes(target):
    decision = Target(nn.Identity(), target, "sigmoid", 2.0, torch.zeros(1))
    logits = torch.tensor([[3.0], [-1.0]])
    sign = 1 if target else -1
    assert torch.equal(decision.score(logits), sign * logits[:, 0])
    assert torch.allclose(decision.probability(logits), torch.sigmoid(sign * logits[:, 0] / 2))
