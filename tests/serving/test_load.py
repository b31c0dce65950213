"""Memory, threads and open files stay flat over thousands of requests."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil


def test_a_soak_leaves_memory_threads_and_files_flat(exported, start_server, images) -> None:
    """Good, broken, rejected requests, a few thousand of them."""
    with start_server(exported, "--workers", "1") as server:
        worker = psutil.Process(server.workers()[0])

        def send(turn: int) -> None:
            for step in range(50):
                content = images[(turn + step) % len(images)]
                client.post("/predict", content=content)
                client.post("/predict", content=content[: 40 + step])
                client.post("/predict", files=[("p", ("a", content))] * 3)
                client.get("/nowhere")

        def soak(turns: int) -> tuple[int, int, int]:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(send, range(turns)))
            time.sleep(0.3)
            return worker.memory_info().rss, worker.num_threads(), worker.num_fds()

        with httpx.Client(base_url=server.url, timeout=20) as client:
            soak(4)
            before = soak(2)
            after = soak(8)
    assert after[0] - before[0] < 20 * 2**20
    assert after[1] <= before[1] + 2
    assert after[2] <= before[2] + 8
