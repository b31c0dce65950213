"""airbench94 with Muon, the published recipe, as a plain PyTorch loop: FOLDER SEED.

Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, and the Muon variant of its
repository. What is published is kept: network, first weights, learning rates, batches, eight
epochs, views at test time. It was made for the original pixels of CIFAR-10 and for a GPU; here
images are decoded from the folder, which counts, and bf16 is that of autocast. Prints the test
accuracy of the images as they are, then that of the six views.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

START = time.perf_counter()
import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

BATCH = 2000
WIDTHS = 64, 256, 256
WHITENING_EPOCHS = 3
BIAS_LR, HEAD_LR, FILTER_LR = 0.053, 0.67, 0.24
MOMENTUM, FILTER_MOMENTUM = 0.85, 0.6
WEIGHT_DECAY = 2e-6 * BATCH
SMOOTHING = 0.2
TRANSLATE_PX = 2
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 3


def read(folder, device):
    """(N, 3, H, W) normalised bf16 images, channels last, and (N,) labels of a folder."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    files = [(path, i) for i, one in enumerate(classes) for path in sorted(one.iterdir())]
    with ThreadPoolExecutor() as pool:
        pixels = np.stack(list(pool.map(decode, [path for path, _ in files])))
    images = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (MEAN, STD))
    parts = [((part / 255 - mean) / std).bfloat16() for part in images.split(5000)]
    return torch.cat(parts), torch.tensor([label for _, label in files], device=device)


def decode(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def network(classes):
    first = nn.Conv2d(3, 24, 2)
    first.weight.requires_grad_(False)
    groups = []
    for before, after in zip((24, *WIDTHS), WIDTHS, strict=False):
        groups += [filters(before, after), nn.MaxPool2d(2), norm(after), nn.GELU()]
        groups += [filters(after, after), norm(after), nn.GELU()]
    head = nn.Linear(WIDTHS[-1], classes, bias=False)
    with torch.no_grad():
        head.weight /= head.weight.std()
    return nn.Sequential(first, nn.GELU(), *groups, nn.MaxPool2d(3), nn.Flatten(), head)


def filters(before, after):
    layer = nn.Conv2d(before, after, 3, padding=1, bias=False)
    nn.init.dirac_(layer.weight.data[:before])
    return layer


def norm(maps):
    layer = nn.BatchNorm2d(maps, eps=1e-12, momentum=0.4)
    layer.weight.requires_grad_(False)
    return layer


@torch.no_grad()
def whiten(layer, images):
    """Filters that whiten the patches of images, and their negatives."""
    patches = F.unfold(images.float(), 2).transpose(1, 2).reshape(-1, 12)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    scaled = (vectors / (values + 5e-4).sqrt()).T.reshape(-1, 3, 2, 2)
    layer.weight.copy_(torch.cat([scaled, -scaled]))


@torch.no_grad()
def muon_step(weights, momenta, lr):
    for weight, momentum in zip(weights, momenta, strict=True):
        momentum.mul_(FILTER_MOMENTUM).add_(weight.grad)
        update = weight.grad + FILTER_MOMENTUM * momentum
        weight.mul_(len(weight) ** 0.5 / weight.norm())
        weight.sub_(lr * orthogonal(update.reshape(len(update), -1)).view_as(weight))


def orthogonal(matrix):
    x = matrix.bfloat16()
    x = x / (x.norm() + 1e-7)
    tall = len(x) > x.shape[1]
    x = x.T if tall else x
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def crops(padded, chosen, side):
    """The chosen images, each moved at random within its padding."""
    span = torch.arange(side, device=padded.device)
    shift = torch.randint(0, 2 * TRANSLATE_PX + 1, (2, len(chosen), 1), device=padded.device)
    rows, columns = span + shift
    moved = padded.permute(0, 2, 3, 1)[chosen[:, None, None], rows[:, :, None], columns[:, None]]
    return moved.permute(0, 3, 1, 2)


def fit(model, images, labels, epochs):
    device, side = images.device, images.shape[-1]
    whiten(model[0], images[torch.randperm(len(images), device=device)[:5000]])
    flipped = torch.rand(len(images), 1, 1, 1, device=device) < 0.5
    mirrored = torch.where(flipped, images.flip(-1), images)
    padded = F.pad(mirrored, (TRANSLATE_PX,) * 4, "reflect")
    padded = padded.contiguous(memory_format=torch.channels_last)
    del images, mirrored
    norms = [layer.bias for layer in model if isinstance(layer, nn.BatchNorm2d)]
    weights = [layer.weight for layer in model[1:] if isinstance(layer, nn.Conv2d)]
    momenta = [torch.zeros_like(weight) for weight in weights]
    named = ((BIAS_LR, [model[0].bias]), (BIAS_LR, norms), (HEAD_LR, [model[-1].weight]))
    groups = [{"params": p, "lr": lr, "weight_decay": WEIGHT_DECAY / lr} for lr, p in named]
    optimizer = torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True)
    steps = len(padded) // BATCH
    total, whitening = epochs * steps, min(WHITENING_EPOCHS, epochs) * steps
    model.train()
    for step in range(total):
        if step % steps == 0:
            order = torch.randperm(len(padded), device=device)
        if step == whitening:
            model[0].bias.requires_grad_(False)
            model[0].bias.grad = None
        left = 1 - step / total
        for group, (lr, _) in zip(optimizer.param_groups, named, strict=True):
            group["lr"] = lr * left
        optimizer.param_groups[0]["lr"] = BIAS_LR * max(0.0, 1 - step / whitening)
        chosen = order[step % steps * BATCH :][:BATCH]
        batch = crops(padded, chosen, side)
        batch = batch.flip(-1) if step // steps % 2 else batch
        logits = predict(model, batch)
        loss = F.cross_entropy(logits, labels[chosen], label_smoothing=SMOOTHING, reduction="sum")
        model.zero_grad()
        loss.backward()
        optimizer.step()
        muon_step(weights, momenta, FILTER_LR * left)


def predict(model, batch):
    with torch.autocast(batch.device.type, torch.bfloat16):
        return model(batch).float() / WIDTHS[-1]


@torch.no_grad()
def views(model, batch):
    """Mean logits of the image (weight one half) and of it moved by a pixel, each mirrored too."""
    side, padded = batch.shape[-1], F.pad(batch, (1,) * 4, "reflect")
    moved = padded[..., :side, :side], padded[..., 2:, 2:]
    weighed = ((0.5, batch), (0.25, moved[0]), (0.25, moved[1]))
    return sum(w / 2 * (predict(model, x) + predict(model, x.flip(-1))) for w, x in weighed)


@torch.no_grad()
def accuracy(model, images, labels, function):
    model.eval()
    found = torch.cat([function(model, part).argmax(1) for part in images.split(BATCH)])
    return (found == labels).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = parser.parse_args()
    torch.manual_seed(asked.seed)
    torch.backends.cudnn.benchmark = True
    images, labels = read(asked.folder / "train", asked.device)
    tests = read(asked.folder / "test", asked.device)
    model = network(int(labels.max()) + 1).to(asked.device, memory_format=torch.channels_last)
    print("decoded", time.perf_counter() - START, flush=True)
    fit(model, images, labels, asked.epochs)
    for function in (predict, views):
        share = accuracy(model, *tests, function)
        print("accuracy", time.perf_counter() - START, share, flush=True)
    torch.save(model.state_dict(), "model.pth")


if __name__ == "__main__":
    sys.exit(main())
