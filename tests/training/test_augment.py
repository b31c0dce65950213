"""Augmentation: each change alone against a plain loop, and all of it as a pure function."""

import numpy as np
import pytest
import torch
from scipy import stats

from foveal.spec.recipe import Recipe
from foveal.training import augment as changes
from foveal.training.augment import augment
from foveal.training.rng import BatchRng, Stream, uniform

OFF = {
    "horizontal_flip": "off",
    "translate": 0.0,
    "random_crop": 1.0,
    "color_jitter": 0.0,
    "rotation_degrees": 0.0,
}
INDEX = np.arange(40, dtype=np.int64) * 7


def _batch(channels=3, side=12):
    chance = torch.Generator().manual_seed(0)
    shape = (40, channels, side, side + 2)
    return torch.randint(0, 256, shape, generator=chance, dtype=torch.uint8)


def _target():
    return torch.eye(40)[:, :10] + 0


def _run(recipe, images=None, index=INDEX, seed=1, epoch=2):
    images = _batch() if images is None else images
    return augment(images, _target()[: len(images)], index, recipe, seed, epoch)


def test_all_off_is_the_identity():
    images, target = _run(Recipe(**OFF))
    assert torch.equal(images, _batch().float())
    assert torch.equal(target, _target())


EACH = [
    {"horizontal_flip": "random"},
    {"horizontal_flip": "alternate"},
    {"translate": 0.2},
    {"random_crop": 0.4},
    {"rotation_degrees": 20.0},
    {"color_jitter": 0.3},
    {"random_erasing": 0.8},
    {"mixup_alpha": 0.5},
    {"cutmix_alpha": 1.0},
    {"randaugment_magnitude": 9.0},
    {"mixup_alpha": 0.4, "cutmix_alpha": 0.4},
]


@pytest.mark.parametrize("keys", EACH, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_changes_images_alone_and_stays_in_range(keys, channels):
    plain = _batch(channels)
    images, _ = _run(Recipe(**{**OFF, **keys}), plain)
    assert images.shape == plain.shape
    assert images.dtype == torch.float32
    assert images.min() >= -0.01
    assert images.max() <= 255.01
    changed = (images - plain.float()).abs().amax(dim=(1, 2, 3)) > 1
    assert changed.float().mean() > 0.3


MIXING = ("mixup_alpha", "cutmix_alpha")


@pytest.mark.parametrize("keys", [k for k in EACH if not set(k) & set(MIXING)], ids=str)
def test_an_image_is_augmented_alike_in_every_batch(keys):
    recipe = Recipe(**{**OFF, **keys})
    whole, _ = _run(recipe)
    part, _ = _run(recipe, _batch()[[5, 17]], INDEX[[5, 17]])
    torch.testing.assert_close(part, whole[[5, 17]], rtol=0, atol=1e-3)


@pytest.mark.parametrize("keys", EACH, ids=str)
def test_seed_and_epoch_change_it_and_nothing_else_does(keys):
    recipe = Recipe(**{**OFF, **keys})
    torch.manual_seed(1)
    first, _ = _run(recipe)
    torch.manual_seed(2)
    assert torch.equal(first, _run(recipe)[0])
    if keys != {"horizontal_flip": "alternate"}:
        assert not torch.equal(first, _run(recipe, seed=9)[0])
    assert not torch.equal(first, _run(recipe, epoch=3)[0])


def test_translation_and_flip_against_a_plain_loop():
    recipe = Recipe(**{**OFF, "translate": 0.2, "horizontal_flip": "random"})
    got, _ = _run(recipe)
    flip = changes.flip_mask("random", BatchRng(INDEX, 1, 2))
    chance = uniform(INDEX, 2, 1, Stream.TRANSLATE, 2)
    plain = _batch().numpy()
    for n in range(40):
        rows = int(chance[n, 0] * 5) - 2  # 0.2 of 12 is 2
        columns = int(chance[n, 1] * 7) - 3  # 0.2 of 14 is 3
        padded = np.pad(plain[n], ((0, 0), (3, 3), (3, 3)), mode="edge")
        moved = padded[:, 3 + rows : 15 + rows, 3 + columns : 17 + columns]
        moved = moved[:, :, ::-1] if flip[n] else moved
        assert np.array_equal(got[n].numpy(), moved.astype(np.float32))


def test_alternating_flip_shows_each_side_every_second_epoch():
    epochs = [changes.flip_mask("alternate", BatchRng(INDEX, 4, epoch)) for epoch in range(4)]
    assert np.array_equal(epochs[0], ~epochs[1])
    assert np.array_equal(epochs[0], epochs[2])
    assert 0.48 < changes.flip_mask("alternate", BatchRng(np.arange(10_000), 3, 0)).mean() < 0.52


def test_the_identity_map_resamples_nothing():
    plain = _batch().float()
    matrix = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).repeat(40, 1, 1)
    torch.testing.assert_close(changes.affine_warp(plain, matrix), plain, rtol=0, atol=1e-3)


def test_rotation_by_a_quarter_turn():
    plain = _batch(side=12)[:, :, :, :12].float()
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0]]).repeat(40, 1, 1)
    turned = changes.affine_warp(plain, quarter)
    torch.testing.assert_close(turned, plain.rot90(-1, (2, 3)).flip(2, 3), rtol=0, atol=1e-2)


def test_randaugment_turns_an_image_that_is_no_square_without_a_shear(monkeypatch):
    chance = torch.tensor([[0.0, 0.8, 0.9, 0.9]])  # rotation, posterisation, both signs positive
    monkeypatch.setattr(changes, "_uniform_tensor", lambda *_: chance)
    maps = []
    monkeypatch.setattr(changes, "affine_warp", lambda images, map: maps.append(map) or images)
    images, rng = torch.zeros(1, 1, 8, 16), BatchRng(np.arange(1), 0, 0)
    changes.randaugment(images, changes.MAX_RANDAUGMENT_MAGNITUDE, rng)
    size = torch.tensor([16.0, 8.0])
    in_pixels = maps[0][0, :, :2] * size[:, None] / size
    torch.testing.assert_close(in_pixels @ in_pixels.T, torch.eye(2))
    assert in_pixels[1, 0] == pytest.approx(0.5)  # 30 degrees


def test_crop_maps_stay_inside_the_image():
    recipe = Recipe(**{**OFF, "random_crop": 0.2})
    index = np.arange(2000, dtype=np.int64)
    rng = BatchRng(index, 0, 0)
    matrix = changes._crop_matrices(torch.zeros(2000, 1, 10, 10), recipe, 0.2, rng)
    wide, tall, x, y = matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, 0, 2], matrix[:, 1, 2]
    assert (x.abs() + wide <= 1 + 1e-5).all()
    assert (y.abs() + tall <= 1 + 1e-5).all()
    area = wide * tall
    assert 0.14 < area.min() < 0.25
    assert area.max() > 0.95


def test_mixed_targets_follow_the_pixels():
    plain = torch.zeros(40, 1, 10, 10)
    plain[::2] = 255
    target = torch.zeros(40, 2)
    target[::2, 0], target[1::2, 1] = 1, 1
    recipe = Recipe(**{**OFF, "cutmix_alpha": 1.0})
    images, mixed = augment(plain, target, INDEX, recipe, 0, 0)
    torch.testing.assert_close(images.mean(dim=(1, 2, 3)) / 255, mixed[:, 0])
    torch.testing.assert_close(mixed.sum(dim=1), torch.ones(40))
    recipe = Recipe(**{**OFF, "mixup_alpha": 1.0})
    images, mixed = augment(plain, target, INDEX, recipe, 0, 0)
    torch.testing.assert_close(images[:, 0, 0, 0] / 255, mixed[:, 0])


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0])
def test_shares_follow_the_beta_distribution(alpha):
    index = np.arange(20_000, dtype=np.int64)
    shares = changes._symmetric_beta(np.full(20_000, alpha), BatchRng(index, 3, 4))
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-3


def test_random_erasing_probability():
    recipe = Recipe(**{**OFF, "random_erasing": 0.25})
    index = np.arange(4000, dtype=np.int64)
    plain = torch.rand(4000, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 255
    images, _ = augment(plain, torch.zeros(4000, 2), index, recipe, 0, 0)
    changed = (images != plain).flatten(1).any(dim=1).float().mean()
    assert 0.2 < changed < 0.26


def test_grey_images_have_no_saturation():
    plain = _batch(1).float()
    got = changes.color_jitter(plain, 0.0001, BatchRng(INDEX, 0, 0))
    torch.testing.assert_close(got, plain, rtol=1e-3, atol=0.1)
