"""A server ends with the studio that started it, also where that one is killed."""

import subprocess
import sys
import time

import httpx

STUDIO = (
    "import sys, time; from pathlib import Path; from foveal.studio.models.servers import Servers; "
    "servers = Servers(); print(servers.start(Path(sys.argv[1]))['url'], flush=True); "
    "time.sleep(600)"
)


def test_a_killed_studio_leaves_no_server(digits_run):
    studio = subprocess.Popen(
        [sys.executable, "-c", STUDIO, str(digits_run)], stdout=subprocess.PIPE, text=True
    )
    with studio:
        url = studio.stdout.readline().strip()
        assert httpx.get(f"{url}/healthz", timeout=60).status_code < 500
        studio.kill()
        studio.wait()
        deadline = time.monotonic() + 60
        while _answers(url):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _answers(url):
    try:
        httpx.get(f"{url}/healthz", timeout=5)
    except httpx.TransportError:
        return False
    return True
