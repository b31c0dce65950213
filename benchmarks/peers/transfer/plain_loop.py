"""A plain PyTorch + torchvision transfer loop as the tutorials have it, lite0's weights, AdamW."""

import sys
import time

START = time.perf_counter()
import torch  # noqa: E402
from lite0 import lite0  # noqa: E402
from torchvision import datasets, transforms  # noqa: E402

SIDE = 160
HEAD_EPOCHS, EPOCHS = 1, 5
folder, seed = sys.argv[1], int(sys.argv[2])


def main():
    torch.manual_seed(seed)
    values = [transforms.ToTensor(), transforms.Normalize([127 / 255] * 3, [128 / 255] * 3)]
    crop = [transforms.RandomResizedCrop(SIDE), transforms.RandomHorizontalFlip()]
    whole = [transforms.Resize(SIDE), transforms.CenterCrop(SIDE)]
    train = datasets.ImageFolder(f"{folder}/train", transforms.Compose(crop + values))
    test = datasets.ImageFolder(f"{folder}/test", transforms.Compose(whole + values))
    batches = torch.utils.data.DataLoader(train, 32, shuffle=True, num_workers=2)
    tests = torch.utils.data.DataLoader(test, 64, num_workers=2)
    model = lite0(len(train.classes))
    model.requires_grad_(False)
    model.get_classifier().requires_grad_(True)
    fit(model, batches, tests, HEAD_EPOCHS, 1e-3)
    model.requires_grad_(True)
    fit(model, batches, tests, EPOCHS, 1e-4)
    torch.save(model.state_dict(), "model.pth")


def fit(model, batches, tests, epochs, rate):
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        model.train()
        for images, labels in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        schedule.step()
        model.eval()
        with torch.inference_mode():
            right = sum(int((model(p).argmax(1) == y).sum()) for p, y in tests)
        seconds = time.perf_counter() - START
        print("accuracy", seconds, right / len(tests.dataset), flush=True)


if __name__ == "__main__":
    main()
