"""The studio as a process: signals, and a restart."""

import signal

import httpx
import pytest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_also_while_a_page_is_open(start_studio, tmp_path, number):
    with start_studio(tmp_path / "w") as studio:
        path = studio.project()
        with studio.client.stream("GET", f"{path}/events") as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            assert studio.stop(number) == 128 + number
            assert "event: reload" in list(lines)


def test_killed_and_started_again_an_open_page_goes_on(start_studio, tmp_path):
    with start_studio(tmp_path / "w") as studio:
        path = studio.project("kept")
        studio.post(f"{path}/changes", op="add_class", name="cat")
        port, cookies = studio.client.base_url.port, dict(studio.client.cookies)
        studio.stop(signal.SIGKILL)
    with start_studio(tmp_path / "w", "--port", str(port)) as again:
        assert again.url != studio.url
        shown = httpx.get(again.base + path, cookies=cookies).json()
        assert (shown["name"], shown["classes"]) == ("kept", [{"id": 0, "name": "cat", "count": 0}])
        assert httpx.get(studio.url).status_code == 403
