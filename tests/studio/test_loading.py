"""The page is answered while the rest is being loaded; what fails there ends the studio."""

import asyncio
import subprocess
import sys
import threading

import httpx
import pytest

from foveal.serving.logs import Log
from foveal.studio.loading import Studio
from foveal.studio.security import Access
from foveal.studio.workspace import open_workspace


@pytest.fixture
def studio(tmp_path):
    with open_workspace(tmp_path / "w") as workspace:
        yield Studio(workspace, Access("127.0.0.1", 1, "the-cookie"), Log(quiet=True))


@pytest.fixture
def client(studio):
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(studio.app),
        base_url="http://127.0.0.1:1",
        cookies={"foveal-studio-1": "the-cookie"},
    )


def test_the_page_waits_for_nothing_and_the_rest_for_loading(studio, client, monkeypatch):
    load, let_go = studio._load, threading.Event()

    def slowly():
        assert let_go.wait(60)
        return load()

    monkeypatch.setattr(studio, "_load", slowly)
    studio.start(lambda: None)

    async def asked():

        waiting = asyncio.create_task(client.get("/api/studio"))
        page = await client.get("/")
        assert not waiting.done()
        let_go.set()
        return page, await waiting

    page, rest = asyncio.run(asked())
    assert page.status_code == 200
    assert "<title>" in page.text
    assert rest.json()["projects"] == []
    studio.end_requests()
    studio.close()


def test_what_fails_ends_the_studio_with_its_reason(studio, monkeypatch):
    def fails():
        raise RuntimeError("no memory")

    failed = threading.Event()
    monkeypatch.setattr(studio, "_load", fails)
    studio.start(failed.set)
    assert failed.wait(10)
    studio.end_requests()
    with pytest.raises(RuntimeError, match="no memory"):
        studio.close()


def test_a_studio_that_could_not_listen_is_closed(studio):
    closing = threading.Thread(target=studio.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()


def test_the_page_needs_neither_numpy_nor_a_project():
    code = (
        "import sys; import foveal.studio.loading, foveal.studio.server, foveal.studio.workspace; "
        "print([name for name in ('numpy', 'PIL', 'torch', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
