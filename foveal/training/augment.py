"""Random augmentation of a batch as tensor code, a pure function of (seed, epoch, image index).

Every augmentation has its own stream of random numbers, so switching one off changes no other;
with all of them off a batch passes through unchanged.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from foveal.spec.recipe import Recipe
from foveal.training.device import send
from foveal.training.rng import BatchRng, Stream, random_bits

Index = NDArray[np.int64]

BETA_TRIES = 16
MAX_RANDAUGMENT_MAGNITUDE = 30


def augment(
    images: Tensor, target: Tensor, index: Index, recipe: Recipe, seed: int, epoch: int
) -> tuple[Tensor, Tensor]:
    """Augmented images and their targets.

    images: (N, C, H, W) uint8 or float in 0..255.  target: (N, units) in 0..1.
    index: which image of the data each is.  Returns float images in 0..255.
    """
    rng = BatchRng(index, seed, epoch)
    images = apply_geometry(images, recipe, rng)
    if recipe.randaugment_magnitude:
        images = randaugment(images, recipe.randaugment_magnitude, rng)
    if recipe.color_jitter:
        images = color_jitter(images, recipe.color_jitter, rng)
    if recipe.random_erasing:
        images = random_erasing(images, recipe.random_erasing, rng)
    if recipe.mixup_alpha or recipe.cutmix_alpha:
        images, target = mix_images(images, target, recipe, rng)
    return images, target


def _uniform_tensor(images: Tensor, count: int, rng: BatchRng, stream: Stream) -> Tensor:
    """(N, count) fp32 numbers in [0, 1) on the device of the images."""
    numbers = rng.uniform(count, stream).astype(np.float32)
    return send(torch.from_numpy(numbers), images.device)


def flip_mask(mode: str, rng: BatchRng) -> NDArray[np.bool_]:
    """Which images are mirrored in this epoch: at random, or in every second epoch."""
    if mode == "alternate":
        in_even_epochs = random_bits(rng.index, rng.seed, Stream.CLASS_ORDER) & np.uint64(1)
        return in_even_epochs.astype(bool) ^ bool(rng.epoch % 2)
    if mode == "random":
        return rng.uniform(1, Stream.FLIP)[:, 0] < 0.5
    return np.zeros(len(rng.index), bool)


def apply_geometry(images: Tensor, recipe: Recipe, rng: BatchRng) -> Tensor:
    """Flip, translation, crop and rotation as one resampling; whole pixels are only copied."""
    flip = flip_mask(recipe.horizontal_flip, rng)
    min_area = recipe.random_crop if recipe.random_crop is not None else 1.0
    if min_area < 1 or recipe.rotation_degrees:
        matrix = _crop_matrices(images, recipe, min_area, rng)
        signs = send(torch.from_numpy(np.where(flip, -1, 1)), matrix.device).to(matrix.dtype)
        matrix[:, 0, :] *= signs[:, None]
        return affine_warp(images.float(), matrix)
    if recipe.translate:
        rows, columns = _random_offsets(images, recipe.translate, rng)
        return translate_and_flip(images, rows, columns, flip)
    if flip.any():
        still = np.zeros(len(images), np.int64)
        return translate_and_flip(images, still, still, flip)
    return images.float()


def _random_offsets(images: Tensor, translate: float, rng: BatchRng) -> tuple[Index, Index]:
    """(N,) rows and (N,) columns in pixels, at most `translate` of the side."""
    numbers = rng.uniform(2, Stream.TRANSLATE)
    limits = [max(1, round(translate * side)) for side in images.shape[2:]]
    rows, columns = (
        (numbers[:, axis] * (2 * limit + 1)).astype(np.int64) - limit
        for axis, limit in enumerate(limits)
    )
    return rows, columns


def translate_and_flip(
    images: Tensor, rows: Index, columns: Index, flip: NDArray[np.bool_]
) -> Tensor:
    """Float images moved by whole pixels (edges repeat) and then mirrored where `flip`."""
    height, width = images.shape[2:]
    device = images.device
    shifts = send(torch.from_numpy(np.stack([rows, columns])), device)
    flipped = send(torch.from_numpy(flip), device)
    y = torch.arange(height, device=device)
    x = torch.arange(width, device=device)
    x = torch.where(flipped[:, None], x.flip(0), x)
    source_rows = (y + shifts[0, :, None]).clamp_(0, height - 1)
    source_columns = (x + shifts[1, :, None]).clamp_(0, width - 1)
    first = torch.arange(len(images), device=device)[:, None] * (height * width)
    sources = (first + source_rows * width)[:, :, None] + source_columns[:, None, :]
    pixels = images.permute(0, 2, 3, 1).reshape(len(images) * height * width, -1)
    selected = pixels.index_select(0, sources.reshape(-1))
    return selected.reshape(len(images), height, width, -1).permute(0, 3, 1, 2).float()


def _crop_matrices(images: Tensor, recipe: Recipe, min_area: float, rng: BatchRng) -> Tensor:
    """(N, 2, 3) affine maps from output to input coordinates, both in -1..1."""
    numbers = _uniform_tensor(images, 5, rng, Stream.RANDOM_CROP)
    area = min_area + (1 - min_area) * numbers[:, 0]
    ratio = torch.exp((numbers[:, 1] - 0.5) * 2 * math.log(4 / 3) * (min_area < 1))
    height = (area / ratio).sqrt().clamp_max(1.0)
    width = (area * ratio).sqrt().clamp_max(1.0)
    translate = recipe.translate or 0.0
    x = (2 * numbers[:, 2] - 1) * (1 - width + 2 * translate)
    y = (2 * numbers[:, 3] - 1) * (1 - height + 2 * translate)
    angle = 2 * _uniform_tensor(images, 1, rng, Stream.ROTATION)[:, 0] - 1
    angle = angle * math.radians(recipe.rotation_degrees or 0.0)
    aspect = images.shape[3] / images.shape[2]
    sine, cosine = angle.sin(), angle.cos()
    rows = [
        torch.stack([width * cosine, -height * sine / aspect, x], dim=1),
        torch.stack([width * sine * aspect, height * cosine, y], dim=1),
    ]
    return torch.stack(rows, dim=1)


def affine_warp(images: Tensor, matrix: Tensor) -> Tensor:
    """Images resampled (bilinear, reflected at the edges) by (N, 2, 3) affine maps."""
    height, width = images.shape[2:]
    grid = torch.empty(len(images), height, width, 2, device=images.device)
    x = (2 * torch.arange(width, device=images.device) + 1) / width - 1
    y = (2 * torch.arange(height, device=images.device) + 1) / height - 1
    for axis in range(2):  # F.affine_grid multiplies a matrix for every pixel, ten times slower
        x_factor, y_factor, shift = matrix[:, axis].unbind(1)
        rows = y_factor[:, None] * y + shift[:, None]
        torch.add(x_factor[:, None, None] * x, rows[:, :, None], out=grid[..., axis])
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _luminance(images: Tensor) -> Tensor:
    """(N, 1, H, W) of (N, 3, H, W), by ITU-R BT.601."""
    red, green, blue = images.unbind(1)
    return (0.299 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)[:, None]


def color_jitter(images: Tensor, strength: float, rng: BatchRng) -> Tensor:
    """Brightness, contrast and (three channels) saturation times 1 +- strength."""
    numbers = _uniform_tensor(images, 3, rng, Stream.COLOR_JITTER)
    factors = 1 + strength * (2 * numbers - 1)
    brightness, contrast, saturation = (factors[:, i, None, None, None] for i in range(3))
    return _adjust_color(images, brightness, contrast, saturation).clamp_(0, 255)


def _adjust_color(
    images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor
) -> Tensor:
    """Brightness, then contrast around the mean, then saturation; factors are (N, 1, 1, 1)."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    adjusted = torch.addcmul(mean * brightness * (1 - contrast), images, brightness * contrast)
    if images.shape[1] == 1:
        return adjusted
    return torch.addcmul(_luminance(adjusted) * (1 - saturation), adjusted, saturation)


def _box_masks(images: Tensor, centre: Tensor, area: Tensor) -> Tensor:
    """(N, 1, H, W) true inside a box of that share of the area around (N, 2) centres in 0..1."""
    height, width = images.shape[2:]
    half_height, half_width = area.sqrt() * height / 2, area.sqrt() * width / 2
    centre_y, centre_x = centre[:, 0] * height, centre[:, 1] * width
    y = torch.arange(height, device=images.device) + 0.5
    x = torch.arange(width, device=images.device) + 0.5
    rows = (y - centre_y[:, None]).abs() < half_height[:, None]
    columns = (x - centre_x[:, None]).abs() < half_width[:, None]
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def random_erasing(images: Tensor, probability: float, rng: BatchRng) -> Tensor:
    """Fill a box of 2 to 33 % of the image with its mean (Zhong et al. 2017)."""
    numbers = _uniform_tensor(images, 4, rng, Stream.RANDOM_ERASING)
    mask = _box_masks(images, numbers[:, :2], 0.02 + 0.31 * numbers[:, 2])
    mask = mask & (numbers[:, 3] < probability)[:, None, None, None]
    return torch.where(mask, images.mean(dim=(2, 3), keepdim=True), images)


def mix_images(
    images: Tensor, target: Tensor, recipe: Recipe, rng: BatchRng
) -> tuple[Tensor, Tensor]:
    """Mixup, cutmix or, where both are on, one of them per image; the partner is the next image."""
    numbers = rng.uniform(3, Stream.MIX)
    uses_cutmix = np.full(len(images), bool(recipe.cutmix_alpha))
    if recipe.mixup_alpha and recipe.cutmix_alpha:
        uses_cutmix = numbers[:, 0] < 0.5
    alpha = np.where(uses_cutmix, recipe.cutmix_alpha, recipe.mixup_alpha)
    own_share = torch.from_numpy(_symmetric_beta(alpha, rng))
    own_share = send(own_share, images.device).to(images.dtype)
    centre = send(torch.from_numpy(numbers[:, 1:].astype(np.float32)), images.device)
    boxes = _box_masks(images, centre, 1 - own_share)
    is_cutmix = send(torch.from_numpy(uses_cutmix), images.device)[:, None, None, None]
    mixup_mask = (1 - own_share[:, None, None, None]).expand_as(boxes)
    mask = torch.where(is_cutmix, boxes.to(images.dtype), mixup_mask)
    partner_share = mask.mean(dim=(1, 2, 3))[:, None].to(target.dtype)
    mixed = images + (images.roll(-1, 0) - images) * mask
    return mixed, target + (target.roll(-1, 0) - target) * partner_share


def _symmetric_beta(alpha: NDArray[np.float64], rng: BatchRng) -> NDArray[np.float64]:
    """(N,) numbers of the symmetric beta distribution, alpha in 0..1 (Johnk 1964).

    Of 16 tries the first accepted counts: at alpha 1 one image in 65,536 takes its last try.
    """
    numbers = np.maximum(rng.uniform(2 * BETA_TRIES, Stream.MIX_BETA), 1e-300)
    power = 1 / np.maximum(alpha, 1e-2)[:, None]
    left, right = numbers[:, :BETA_TRIES] ** power, numbers[:, BETA_TRIES:] ** power
    total = left + right
    first = np.argmax((total <= 1) & (total > 0), axis=1)
    row = np.arange(len(alpha))
    chosen_total = total[row, first]
    share = left[row, first] / np.where(chosen_total > 0, chosen_total, 1)
    return np.asarray(np.where(chosen_total > 0, share, numbers[row, 0] < 0.5), np.float64)


def randaugment(images: Tensor, magnitude: float, rng: BatchRng) -> Tensor:
    """Two random operations per image with a magnitude of 0..30 (Cubuk et al. 2019), batched.

    Rotation, shear and translation are one resampling; brightness, contrast, saturation, posterise
    and solarise follow for the images whose operations they are.
    """
    numbers = _uniform_tensor(images, 4, rng, Stream.RANDAUGMENT)
    operations = (numbers[:, :2] * 10).long()
    signed_strength = (
        magnitude / MAX_RANDAUGMENT_MAGNITUDE * torch.where(numbers[:, 2:] < 0.5, -1.0, 1.0)
    )

    def strength(operation: int) -> Tensor:
        return torch.where(operations == operation, signed_strength, 0.0).sum(dim=1)

    aspect = images.shape[3] / images.shape[2]
    matrices = _randaugment_matrices(*(strength(one) for one in range(5)), aspect=aspect)
    images = affine_warp(images, matrices)
    brightness, contrast, saturation = (
        (1 + 0.9 * strength(one))[:, None, None, None] for one in (5, 6, 7)
    )
    images = _adjust_color(images, brightness, contrast, saturation).clamp_(0, 255)
    posterise_step = 2 ** (4 * strength(8).abs()).floor()[:, None, None, None]
    images = (images / posterise_step).floor() * posterise_step
    solarise_threshold = 256 * (1 - strength(9).abs())[:, None, None, None]
    return torch.where(images >= solarise_threshold, 255 - images, images)


def _randaugment_matrices(
    rotation: Tensor, shear_x: Tensor, shear_y: Tensor, x: Tensor, y: Tensor, *, aspect: float
) -> Tensor:
    """(N, 2, 3) affine maps of strengths in -1..1; aspect: width of an image / height."""
    angle = rotation * math.radians(30)
    rows = [
        torch.stack([angle.cos(), (0.3 * shear_x - angle.sin()) / aspect, 0.9 * x], dim=1),
        torch.stack([(0.3 * shear_y + angle.sin()) * aspect, angle.cos(), 0.9 * y], dim=1),
    ]
    return torch.stack(rows, dim=1)
