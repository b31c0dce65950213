"""Features are computed once for the same weights, pixels and way; a damaged one is made again."""

import numpy as np
import pytest
import torch
from torch import nn

from foveal.network.blocks import PaddedPool2d
from foveal.training.transfer.feature_cache import with_cache


@pytest.fixture
def backbone(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 5))


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 2, 2, 3), dtype=np.uint8)


class Counted:
    """Computes features and remembers of how many images."""

    def __init__(self, backbone):
        self.backbone, self.counts = backbone, []

    def __call__(self, pixels):
        self.counts.append(len(pixels))
        with torch.no_grad():
            return self.backbone(torch.from_numpy(pixels).float())


def test_only_what_is_new_is_computed(backbone, pixels):
    extract = Counted(backbone)
    expected = extract(pixels)
    for _ in range(2):
        assert torch.equal(with_cache(extract, backbone, 5, "fp32")(pixels), expected)
    changed = pixels.copy()
    changed[2, 0, 0, 0] ^= 1
    found = with_cache(extract, backbone, 5, "fp32")(changed[::-1].copy())
    torch.testing.assert_close(found, Counted(backbone)(changed[::-1].copy()))
    assert extract.counts == [6, 6, 1]


def test_copies_in_one_batch_are_all_there(backbone, pixels):
    twice = np.concatenate([pixels, pixels])
    extract = with_cache(Counted(backbone), backbone, 5, "fp32")
    assert torch.equal(extract(twice), extract(twice))
    assert torch.equal(extract(pixels), extract(twice)[6:])


def test_other_weights_and_another_way_share_nothing(backbone, pixels):
    extract = Counted(backbone)
    with_cache(extract, backbone, 5, "fp32")(pixels)
    with_cache(extract, backbone, 5, "bf16")(pixels)
    with torch.no_grad():
        backbone[1].bias.add_(1)
    with_cache(extract, backbone, 5, "fp32")(pixels)
    assert extract.counts == [6, 6, 6]


def test_a_damaged_vector_is_computed_again(backbone, pixels, tmp_path):
    extract = Counted(backbone)
    expected = with_cache(extract, backbone, 5, "fp32")(pixels)
    (path,) = tmp_path.rglob("*.vectors.npy")
    content = bytearray(path.read_bytes())
    content[-1] ^= 255
    path.write_bytes(content)
    torch.testing.assert_close(with_cache(extract, backbone, 5, "fp32")(pixels), expected)
    assert extract.counts == [6, 1]


def test_without_a_place_to_write_all_is_computed(backbone, pixels, tmp_path):
    (tmp_path / "cache").write_text("a file")
    extract = Counted(backbone)
    for _ in range(2):
        with_cache(extract, backbone, 5, "fp32")(pixels)
    assert extract.counts == [6, 6]


def test_poolings_of_other_settings_share_nothing(backbone, pixels):
    for ceil, count_padding in ((False, True), (True, True), (False, False)):
        pool = PaddedPool2d("avg", (2, 2), (1, 1), (1, 0, 1, 0), ceil, count_padding)
        extract = Counted(nn.Sequential(pool, backbone))
        with_cache(extract, extract.backbone, 5, "fp32")(pixels.transpose(0, 3, 1, 2))
        assert extract.counts == [6]
