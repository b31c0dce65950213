"""AdamW with numbers on the device moves weights as torch's does."""

import pytest
import torch

from foveal.training.optimizers.adamw import adamw_on_device


@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
def test_it_moves_weights_as_torch_does(weight_decay):
    generator = torch.Generator().manual_seed(3)
    shapes = [(4, 3, 3, 3), (7,), (2, 5)]
    theirs = [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]
    mine = [weights.detach().clone() for weights in theirs]
    momenta = [torch.zeros_like(weights) for weights in mine]
    second_moments = [torch.zeros_like(weights) for weights in mine]
    reference = torch.optim.AdamW(
        theirs, lr=0.02, betas=(0.8, 0.99), eps=1e-6, weight_decay=weight_decay
    )
    for step in range(1, 7):
        for weights in theirs:
            weights.grad = torch.randn(weights.shape, generator=generator)
        adamw_on_device(
            mine,
            [weights.grad for weights in theirs],
            momenta,
            second_moments,
            lr=torch.tensor(0.02),
            step=torch.tensor(float(step)),
            betas=(0.8, 0.99),
            weight_decay=weight_decay,
            epsilon=1e-6,
        )
        reference.step()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=1e-5, atol=1e-6)
