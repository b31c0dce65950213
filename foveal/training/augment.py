"""Random changes of a batch as tensor code: each image's chance is a pure function.

Knows nothing of files, models or the order of images. Every change can be switched off alone;
with all of them off a batch passes through untouched.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foveal.spec.recipe import Recipe
from foveal.training.rng import uniform
from foveal.training.sampler import mirrored_in_even_epochs

FLIP, SHIFT, CROP, ROTATE, COLOUR, ERASE, MIX, BETA, RANDAUGMENT = range(11, 20)
"""Streams of chance, one a change: switching one off moves no other."""

Index = NDArray[np.int64]


def augment(
    images: Tensor, target: Tensor, index: Index, recipe: Recipe, seed: int, epoch: int
) -> tuple[Tensor, Tensor]:
    """Changed images and their targets.

    images: (N, C, H, W) uint8 or float in 0..255.  target: (N, units) in 0..1.
    index: which image of the data each is.  Returns float images in 0..255.
    """
    images = apply_geometry(images, index, recipe, seed, epoch)
    if recipe.randaugment_magnitude:
        images = randaugment(images, index, recipe.randaugment_magnitude, seed, epoch)
    if recipe.color_jitter:
        images = color_jitter(images, index, recipe.color_jitter, seed, epoch)
    if recipe.random_erasing:
        images = random_erasing(images, index, recipe.random_erasing, seed, epoch)
    if recipe.mixup_alpha or recipe.cutmix_alpha:
        images, target = mix_images(images, target, index, recipe, seed, epoch)
    return images, target


def _numbers(
    images: Tensor, index: Index, count: int, seed: int, stream: int, epoch: int
) -> Tensor:
    chance = uniform(index, count, seed, stream, epoch).astype(np.float32)
    return torch.from_numpy(chance).to(images.device)


def flip_mask(index: Index, how: str, seed: int, epoch: int) -> NDArray[np.bool_]:
    """Which images are mirrored in this epoch: by a coin, or in every second epoch."""
    if how == "alternate":
        return mirrored_in_even_epochs(index, seed) ^ bool(epoch % 2)
    if how == "random":
        return uniform(index, 1, seed, FLIP, epoch)[:, 0] < 0.5
    return np.zeros(len(index), bool)


def apply_geometry(images: Tensor, index: Index, recipe: Recipe, seed: int, epoch: int) -> Tensor:
    """Flip, shift, crop and rotation, as one resampling; whole-pixel changes copy, never blur."""
    flip = flip_mask(index, recipe.horizontal_flip, seed, epoch)
    crop = recipe.random_crop if recipe.random_crop is not None else 1.0
    if crop < 1 or recipe.rotation_degrees:
        matrix = _matrices(images, index, recipe, crop, seed, epoch)
        matrix[:, 0, :] *= torch.from_numpy(np.where(flip, -1, 1)).to(matrix)[:, None]
        return affine_warp(images.float(), matrix)
    height, width = images.shape[2:]
    reach = recipe.translate or 0.0
    rows = np.zeros(len(index), np.int64)
    columns = rows
    if reach:
        most = [max(1, round(reach * height)), max(1, round(reach * width))]
        chance = uniform(index, 2, seed, SHIFT, epoch)
        rows, columns = (
            (chance[:, axis] * (2 * most[axis] + 1)).astype(np.int64) - most[axis]
            for axis in range(2)
        )
    if not reach and not flip.any():
        return images.float()
    return translate_and_flip(images, rows, columns, flip)


def translate_and_flip(
    images: Tensor, rows: Index, columns: Index, flip: NDArray[np.bool_]
) -> Tensor:
    """Float images moved by whole pixels (edges repeat) and then mirrored where `flip`."""
    height, width = images.shape[2:]
    down = np.clip(np.arange(height) + rows[:, None], 0, height - 1)
    across = np.where(flip[:, None], np.arange(width)[::-1], np.arange(width))
    across = np.clip(across + columns[:, None], 0, width - 1)
    device = images.device
    places = torch.from_numpy(down[:, :, None] * width + across[:, None, :]).to(device)
    last = images.permute(0, 2, 3, 1).reshape(len(images), height * width, -1)
    offset = torch.arange(len(images), device=device)[:, None] * (height * width)
    chosen = last.reshape(-1, last.shape[2]).index_select(
        0, (places.reshape(len(images), -1) + offset).reshape(-1)
    )
    shape = (len(images), height, width, -1)
    return chosen.reshape(shape).permute(0, 3, 1, 2).float()


def _matrices(
    images: Tensor, index: Index, recipe: Recipe, crop: float, seed: int, epoch: int
) -> Tensor:
    """(N, 2, 3) maps from output to input places, both in -1..1."""
    chance = _numbers(images, index, 5, seed, CROP, epoch)
    area = crop + (1 - crop) * chance[:, 0]
    ratio = torch.exp((chance[:, 1] - 0.5) * 2 * math.log(4 / 3) * (crop < 1))
    tall = (area / ratio).sqrt().clamp_max(1.0)
    wide = (area * ratio).sqrt().clamp_max(1.0)
    reach = recipe.translate or 0.0
    x = (2 * chance[:, 2] - 1) * (1 - wide + 2 * reach)
    y = (2 * chance[:, 3] - 1) * (1 - tall + 2 * reach)
    turn = 2 * _numbers(images, index, 1, seed, ROTATE, epoch)[:, 0] - 1
    turn = turn * math.radians(recipe.rotation_degrees or 0.0)
    aspect = images.shape[3] / images.shape[2]
    sine, cosine = turn.sin(), turn.cos()
    rows = [
        torch.stack([wide * cosine, -tall * sine / aspect, x], dim=1),
        torch.stack([wide * sine * aspect, tall * cosine, y], dim=1),
    ]
    return torch.stack(rows, dim=1)


def affine_warp(images: Tensor, matrix: Tensor) -> Tensor:
    """Images resampled (bilinear, reflected at the edges) by (N, 2, 3) affine maps."""
    height, width = images.shape[2:]
    grid = torch.empty(len(images), height, width, 2, device=images.device)
    x = (2 * torch.arange(width, device=images.device) + 1) / width - 1
    y = (2 * torch.arange(height, device=images.device) + 1) / height - 1
    for axis in range(2):  # F.affine_grid multiplies a matrix for every pixel, ten times slower
        across, down, move = matrix[:, axis].unbind(1)
        rows = down[:, None] * y + move[:, None]
        torch.add(across[:, None, None] * x, rows[:, :, None], out=grid[..., axis])
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _brightness(images: Tensor) -> Tensor:
    """(N, 1, H, W) of (N, 3, H, W), by ITU-R BT.601."""
    red, green, blue = images.unbind(1)
    return (0.299 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)[:, None]


def color_jitter(images: Tensor, index: Index, strength: float, seed: int, epoch: int) -> Tensor:
    """Brightness, contrast and (three channels) saturation times 1 +- strength."""
    chance = 1 + strength * (2 * _numbers(images, index, 3, seed, COLOUR, epoch) - 1)
    light, contrast, saturation = (chance[:, i, None, None, None] for i in range(3))
    return _coloured(images, light, contrast, saturation).clamp_(0, 255)


def _coloured(images: Tensor, light: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Brightness, then contrast around the mean, then saturation; factors are (N, 1, 1, 1)."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    changed = torch.addcmul(mean * light * (1 - contrast), images, light * contrast)
    if images.shape[1] == 1:
        return changed
    return torch.addcmul(_brightness(changed) * (1 - saturation), changed, saturation)


def _boxes(images: Tensor, chance: Tensor, share: Tensor) -> Tensor:
    """(N, 1, H, W) true inside a box of area `share`; its middle is anywhere."""
    height, width = images.shape[2:]
    tall, wide = share.sqrt() * height / 2, share.sqrt() * width / 2
    middle_y, middle_x = chance[:, 0] * height, chance[:, 1] * width
    y = torch.arange(height, device=images.device) + 0.5
    x = torch.arange(width, device=images.device) + 0.5
    rows = (y - middle_y[:, None]).abs() < tall[:, None]
    columns = (x - middle_x[:, None]).abs() < wide[:, None]
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def random_erasing(
    images: Tensor, index: Index, probability: float, seed: int, epoch: int
) -> Tensor:
    """A box of 2 to 33 % of the image is filled with its mean (Zhong et al. 2017)."""
    chance = _numbers(images, index, 4, seed, ERASE, epoch)
    boxes = _boxes(images, chance[:, :2], 0.02 + 0.31 * chance[:, 2])
    boxes = boxes & (chance[:, 3] < probability)[:, None, None, None]
    return torch.where(boxes, images.mean(dim=(2, 3), keepdim=True), images)


def mix_images(
    images: Tensor, target: Tensor, index: Index, recipe: Recipe, seed: int, epoch: int
) -> tuple[Tensor, Tensor]:
    """Mixup, cutmix or, where both are on, one of them an image; the partner is the next one."""
    chance = uniform(index, 3, seed, MIX, epoch)
    cut = np.full(len(index), bool(recipe.cutmix_alpha))
    if recipe.mixup_alpha and recipe.cutmix_alpha:
        cut = chance[:, 0] < 0.5
    alpha = np.where(cut, recipe.cutmix_alpha, recipe.mixup_alpha)
    kept = torch.from_numpy(_beta(index, alpha, seed, BETA, epoch)).to(images)
    places = torch.from_numpy(chance[:, 1:].astype(np.float32)).to(images.device)
    other, boxes = images.roll(-1, 0), _boxes(images, places, 1 - kept)
    is_cut = torch.from_numpy(cut).to(images.device)[:, None, None, None]
    shape = kept[:, None, None, None]
    mask = torch.where(is_cut, boxes.to(images.dtype), (1 - shape).expand_as(boxes))
    share = mask.mean(dim=(1, 2, 3))[:, None].to(target.dtype)
    return images + (other - images) * mask, target + (target.roll(-1, 0) - target) * share


TRIES = 16


def _beta(index: Index, alpha: NDArray[np.float64], *words: int) -> NDArray[np.float64]:
    """Numbers of the symmetric beta distribution, alpha in 0..1 (Johnk 1964).

    Of 16 tries the first accepted counts: at alpha 1 one image in 65,536 takes its last try.
    """
    chance = np.maximum(uniform(index, 2 * TRIES, *words), 1e-300)
    power = 1 / np.maximum(alpha, 1e-2)[:, None]
    left, right = chance[:, :TRIES] ** power, chance[:, TRIES:] ** power
    total = left + right
    first = np.argmax((total <= 1) & (total > 0), axis=1)
    row = np.arange(len(index))
    whole = total[row, first]
    share = left[row, first] / np.where(whole > 0, whole, 1)
    return np.asarray(np.where(whole > 0, share, chance[row, 0] < 0.5), np.float64)


def randaugment(images: Tensor, index: Index, magnitude: float, seed: int, epoch: int) -> Tensor:
    """Two random operations an image with a magnitude of 0..30 (Cubuk et al. 2019), batched.

    Rotate, shear and translate are one resampling; brightness, contrast, saturation, posterise
    and solarise follow for the images that drew them.
    """
    chance = _numbers(images, index, 4, seed, RANDAUGMENT, epoch)
    drawn = (chance[:, :2] * 10).long()
    amount = magnitude / 30 * torch.where(chance[:, 2:] < 0.5, -1.0, 1.0)

    def of(kind: int) -> Tensor:
        return torch.where(drawn == kind, amount, 0.0).sum(dim=1)

    images = affine_warp(images, _shears(of(0), of(1), of(2), of(3), of(4)))
    light, contrast, saturation = ((1 + 0.9 * of(k))[:, None, None, None] for k in (5, 6, 7))
    images = _coloured(images, light, contrast, saturation).clamp_(0, 255)
    step = 2 ** (4 * of(8).abs()).floor()[:, None, None, None]
    images = (images / step).floor() * step
    bound = 256 * (1 - of(9).abs())[:, None, None, None]
    return torch.where(images >= bound, 255 - images, images)


def _shears(turn: Tensor, shear_x: Tensor, shear_y: Tensor, x: Tensor, y: Tensor) -> Tensor:
    angle = turn * math.radians(30)
    rows = [
        torch.stack([angle.cos(), -angle.sin() + 0.3 * shear_x, 0.9 * x], dim=1),
        torch.stack([angle.sin() + 0.3 * shear_y, angle.cos(), 0.9 * y], dim=1),
    ]
    return torch.stack(rows, dim=1)
