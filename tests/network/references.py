"""Plain loops that convolution, padding and pooling are compared with; slow and obvious."""

import numpy as np


def pad(map_, sides, mode, value=0.0):
    """One (H, W) map with cells added at top, bottom, left, right, looked up one by one."""
    top, bottom, left, right = sides
    height, width = map_.shape
    out = np.full((height + top + bottom, width + left + right), value, dtype=float)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            y, x = row - top, column - left
            if mode == "reflect":
                y, x = _reflect(y, height), _reflect(x, width)
            elif mode == "replicate":
                y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
            elif mode == "circular":
                y, x = y % height, x % width
            if 0 <= y < height and 0 <= x < width:
                out[row, column] = map_[y, x]
    return out


def _reflect(place, length):
    if length == 1:
        return 0
    period = 2 * (length - 1)
    place %= period
    return place if place < length else period - place


def same(length, window, stride):
    """Cells before and after for ceil(length / stride) windows."""
    total = max((-(-length // stride) - 1) * stride + window - length, 0)
    return total // 2, total - total // 2


def pool(map_, size, stride, sides, *, function, ceil=False, count_padding=True):
    """Max or mean of each window of one (H, W) map, cell by cell."""
    top, bottom, left, right = sides
    height, width = map_.shape
    starts_y = _starts(height, top, bottom, size[0], stride[0], ceil)
    starts_x = _starts(width, left, right, size[1], stride[1], ceil)
    out = np.zeros((len(starts_y), len(starts_x)))
    for row, y0 in enumerate(starts_y):
        for column, x0 in enumerate(starts_x):
            real, counted = [], 0
            for y in range(y0, y0 + size[0]):
                for x in range(x0, x0 + size[1]):
                    if 0 <= y < height and 0 <= x < width:
                        real.append(map_[y, x])
                    counted += -top <= y < height + bottom and -left <= x < width + right
            if function == "max":
                out[row, column] = max(real)
            else:
                out[row, column] = sum(real) / (counted if count_padding else len(real))
    return out


def _starts(length, before, after, window, stride, ceil):
    found, start = [], -before
    while start + window <= length + after or (
        ceil
        and start < length
        and start < length + after
        and (not found or found[-1] + window < length + after)
    ):
        found.append(start)
        start += stride
    return found
