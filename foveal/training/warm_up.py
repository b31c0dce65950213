"""Start a GPU while images are read: its context and the libraries that compute on it.

They take seconds at the first convolution of a process, in which the host would wait.
"""

from __future__ import annotations

import contextlib
import threading

import torch
import torch.nn.functional as F


def start_device(device: torch.device) -> threading.Thread | None:
    """Load what `device` computes with, in a thread that nobody need wait for; None but on CUDA."""
    if device.type != "cuda":
        return None
    thread = threading.Thread(target=_compute, args=(device,), name="foveal-device", daemon=True)
    thread.start()
    return thread


def _compute(device: torch.device) -> None:
    """A small step of what networks do, without random numbers.

    Its errors are left to the run, which meets them in a place where they can be told.
    """
    with contextlib.suppress(RuntimeError), torch.autocast(device.type, torch.bfloat16):
        images = torch.ones(8, 8, 16, 16, device=device).to(memory_format=torch.channels_last)
        filters = torch.ones(8, 8, 3, 3, device=device, requires_grad=True)
        maps = F.batch_norm(F.conv2d(images, filters, padding=1), None, None, training=True)
        logits = F.gelu(F.max_pool2d(maps, 2)).amax((2, 3)) @ torch.ones(8, 8, device=device)
        loss = F.log_softmax(logits.float(), dim=1).mean()
        torch.autograd.grad(loss, filters)
        torch.linalg.vector_norm(loss.detach()).item()
