"""How long one optimiser step of a network takes: Foveal's call of torch against its variants.

    python benchmarks/optim.py [--preset swift-s] [--n 9] [--steps 50]

`foveal` is foveal.training.optimizers.optim.step; `written out` the same update as plain foreach
operations; `foreach` and `fused` are torch.optim's classes. Prints one JSON object: for each the
median of n runs in milliseconds a step with its least and largest, its ratio to `foveal`, and
whether its weights are equal to the bit after all steps. Variants take turns, so that a slow moment
hits all.
"""

import argparse
import copy
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from foveal import __version__
from foveal.network.build import build
from foveal.network.presets import load_preset
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training.device import to_device
from foveal.training.optimizers import optim
from foveal.training.optimizers.parameter_groups import make_parameter_groups

CPU = torch.device("cpu")


def written_out(groups, state, steps_done: int) -> None:
    """SGD and AdamW as foreach operations, without torch.optim."""
    for group in groups:
        parameters = [p for p in group.parameters if p.grad is not None]
        names = [
            n for n, p in zip(group.names, group.parameters, strict=True) if p.grad is not None
        ]
        gradients = [p.grad for p in parameters]
        momenta = [state[f"momentum.{name}"] for name in names]
        lr = group.learning_rate
        if group.optimizer == "sgd":
            updates = torch._foreach_add(gradients, parameters, alpha=group.weight_decay)
            torch._foreach_mul_(momenta, group.momentum)
            torch._foreach_add_(momenta, updates)
            torch._foreach_add_(updates, momenta, alpha=group.momentum)
            torch._foreach_add_(parameters, updates, alpha=-lr)
            continue
        squares = [state[f"second_moment.{name}"] for name in names]
        if group.weight_decay:
            torch._foreach_mul_(parameters, 1 - lr * group.weight_decay)
        torch._foreach_lerp_(momenta, gradients, 1 - group.momentum)
        torch._foreach_mul_(squares, optim.ADAMW_BETA2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - optim.ADAMW_BETA2)
        spread = torch._foreach_sqrt(squares)
        torch._foreach_div_(spread, (1 - optim.ADAMW_BETA2 ** (steps_done + 1)) ** 0.5)
        torch._foreach_add_(spread, optim.EPSILON)
        torch._foreach_addcdiv_(
            parameters, momenta, spread, -lr / (1 - group.momentum ** (steps_done + 1))
        )


def torch_optimizer(groups, recipe: Recipe, **implementation: bool) -> torch.optim.Optimizer:
    settings = [
        {"params": group.parameters, "lr": group.learning_rate, "weight_decay": group.weight_decay}
        for group in groups
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            settings, lr=1.0, momentum=recipe.momentum, nesterov=True, **implementation
        )
    betas = (recipe.momentum, optim.ADAMW_BETA2)
    return torch.optim.AdamW(settings, lr=1.0, betas=betas, eps=optim.EPSILON, **implementation)


def torch_step(optimizer: torch.optim.Optimizer, _steps_done: int) -> None:
    optimizer.step()


def variants(module, recipe: Recipe) -> dict[str, tuple[torch.nn.Module, Callable[[int], object]]]:
    """Each with a copy of the module and a function that does the step of a number."""
    made = {}
    for name in ("foveal", "written out", "foreach", "fused"):
        own = copy.deepcopy(module)
        groups = make_parameter_groups(own, recipe)
        state = optim.initial_state(groups)
        if name == "foveal":
            step = partial(optim.step, groups, state, 1.0)
        elif name == "written out":
            step = partial(written_out, groups, state)
        else:
            step = partial(torch_step, torch_optimizer(groups, recipe, **{name: True}))
        made[name] = own, step
    return made


def set_gradients(module: torch.nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.requires_grad:
            values = torch.randn(parameter.shape, generator=generator)
            parameter.grad = torch.empty_like(parameter).copy_(values)


def measure(module: torch.nn.Module, recipe: Recipe, n: int, steps: int) -> dict[str, object]:
    made = variants(module, recipe)
    milliseconds: dict[str, list[float]] = {name: [] for name in made}
    for run in range(n + 1):
        for name, (own, step) in made.items():
            seconds = 0.0
            for count in range(run * steps, (run + 1) * steps):
                set_gradients(own, count)  # anew, as a step of torch's SGD changes them
                start = time.perf_counter()
                with torch.no_grad():
                    step(count)
                seconds += time.perf_counter() - start
            if run:  # the first run warms up
                milliseconds[name].append(seconds / steps * 1000)
    reference = list(made["foveal"][0].parameters())
    base = statistics.median(milliseconds["foveal"])
    return {
        name: {
            "ms": [round(f(times), 4) for f in (min, statistics.median, max)],
            "n": n,
            "ratio": round(statistics.median(times) / base, 3),
            "equal_bits": all(
                torch.equal(one, other)
                for one, other in zip(reference, made[name][0].parameters(), strict=True)
            ),
        }
        for name, times in milliseconds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="swift-s")
    parser.add_argument("--n", type=int, default=9)
    parser.add_argument("--steps", type=int, default=50)
    options = parser.parse_args()
    torch.manual_seed(0)
    network = load_preset(options.preset, Input(height=32, width=32, channels=3))
    module = to_device(build(network, 10), CPU)
    found = {}
    for optimizer, momentum in (("sgd", 0.85), ("adamw", 0.9)):
        recipe = Recipe(
            optimizer=optimizer,
            learning_rate=1e-4,
            momentum=momentum,
            weight_decay=0.01,
            bias_lr_scale=8.0,
        )
        found[optimizer] = measure(module, recipe, options.n, options.steps)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "torch": torch.__version__,
        "foveal": __version__,
    }
    print(json.dumps({"preset": options.preset, "machine": machine, **found}, indent=1))


if __name__ == "__main__":
    main()
