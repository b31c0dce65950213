"""A plain PyTorch + torchvision loop as the tutorials have it: ImageFolder, resnet18, SGD."""

import sys
import time

START = time.perf_counter()
import torch  # noqa: E402
from torchvision import datasets, models, transforms  # noqa: E402

folder, seed = sys.argv[1], int(sys.argv[2])


def main():
    torch.manual_seed(seed)
    tensor = transforms.ToTensor()
    size = datasets.ImageFolder(f"{folder}/train")[0][0].size[0]
    if size > 64:
        tensor = transforms.Compose(
            [transforms.Resize(128), transforms.CenterCrop(128), transforms.ToTensor()]
        )
    train = datasets.ImageFolder(f"{folder}/train", tensor)
    test = datasets.ImageFolder(f"{folder}/test", tensor)
    batches = torch.utils.data.DataLoader(train, 128, shuffle=True, num_workers=2)
    tests = torch.utils.data.DataLoader(test, 256, num_workers=2)
    model = models.resnet18(num_classes=len(train.classes))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 15)
    for _ in range(15):
        model.train()
        for images, labels in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        schedule.step()
        model.eval()
        with torch.inference_mode():
            right = sum(int((model(p).argmax(1) == y).sum()) for p, y in tests)
        print("accuracy", time.perf_counter() - START, right / len(test), flush=True)


if __name__ == "__main__":
    main()
