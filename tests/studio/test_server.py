"""The studio as a process: signals, and a restart."""

import contextlib
import io
import os
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_also_while_a_page_is_open(start_studio, tmp_path, number):
    with start_studio(tmp_path / "w") as studio:
        path = studio.project()
        with studio.client.stream("GET", f"{path}/events") as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            assert studio.stop(number) == 128 + number
            assert "event: reload" in list(lines)


def test_a_signal_ends_an_explanation_that_a_page_waits_for(
    start_studio, environments_below, copy_run, digits, digits_run, tmp_path
):
    with start_studio(tmp_path / "w") as studio:
        project = studio.project("digits")
        studio.post(f"{project}/folders", path=str(digits))
        path = f"{project}/runs/{copy_run(studio, project, digits_run).name}/lens"

        def explain():
            with contextlib.suppress(httpx.HTTPError):
                studio.client.post(path, json={"image": 0})

        page = threading.Thread(target=explain)
        page.start()
        deadline = time.monotonic() + 60
        while not (children := environments_below(studio.process.pid)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for child in children:
            os.kill(child, signal.SIGSTOP)  # work that lasts, and hears no signal but the last one
        assert studio.stop(signal.SIGTERM) == 128 + signal.SIGTERM
        page.join(30)
        assert [child for child in children if Path(f"/proc/{child}").exists()] == []


def test_killed_while_it_explains_and_exports_it_leaves_nothing(
    start_studio, environments_below, copy_run, digits, digits_run, tmp_path, monkeypatch
):
    temporary = tmp_path / "t"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))

    def post(path, body):
        with contextlib.suppress(httpx.HTTPError):
            studio.client.post(path, json=body)

    with start_studio(tmp_path / "w") as studio:
        project = studio.project("digits")
        studio.post(f"{project}/folders", path=str(digits))
        run = copy_run(studio, project, digits_run)
        before = sorted(path.name for path in run.rglob("*"))
        work = (("lens", {"image": 0}), ("export", {"to": "pytorch"}))
        pages = [
            threading.Thread(target=post, args=(f"{project}/runs/{run.name}/{what}", body))
            for what, body in work
        ]
        for page in pages:
            page.start()
        deadline = time.monotonic() + 60
        while len(children := environments_below(studio.process.pid)) < len(work):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        studio.stop(signal.SIGKILL)
        for page in pages:
            page.join(30)
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert list(temporary.iterdir()) == []
    with start_studio(tmp_path / "w") as again:
        assert again.get(project)["images"] > 0
        assert again.get(f"{project}/runs/{run.name}/exports") == []
        after = sorted(path.name for path in run.rglob("*"))
        assert [name for name in after if name not in before] == ["exports"]
        assert list((tmp_path / "w" / "lenses").glob("*")) == []


def test_killed_and_started_again_an_open_page_goes_on(start_studio, tmp_path):
    with start_studio(tmp_path / "w") as studio:
        path = studio.project("kept")
        studio.post(f"{path}/changes", op="add_class", name="cat")
        port, cookies = studio.client.base_url.port, dict(studio.client.cookies)
        studio.stop(signal.SIGKILL)
    with start_studio(tmp_path / "w", "--port", str(port)) as again:
        assert again.url != studio.url
        shown = httpx.get(again.base + path, cookies=cookies, timeout=60).json()
        assert (shown["name"], shown["classes"]) == ("kept", [{"id": 0, "name": "cat", "count": 0}])
        assert httpx.get(studio.url, timeout=60).status_code == 403


def test_killed_while_images_are_sent_it_keeps_every_one_it_has_answered(start_studio, tmp_path):
    kept = []

    def send(studio, path):
        for number in range(10_000):
            try:
                answer = studio.upload(path, bitmap(number), name=f"{number}.bmp", label="cat")
            except httpx.HTTPError:
                return
            kept.append((answer["first"], f"{number}.bmp"))

    with start_studio(tmp_path / "w") as studio:
        path = studio.project("sent")
        sender = threading.Thread(target=send, args=(studio, path))
        sender.start()
        deadline = time.monotonic() + 60
        while len(kept) < 25:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        studio.stop(signal.SIGKILL)
        sender.join(30)
    with start_studio(tmp_path / "w") as again:
        project = again.get(path)
        assert len(kept) <= project["images"] <= len(kept) + 1
        assert project["classes"][0]["count"] == project["images"]
        for image, name in kept:
            shown = again.get(f"{path}/images/{image}")
            assert (shown["name"], shown["problem"]) == (name, None)
        incoming = again.folder / "projects" / path.rpartition("/")[2] / "incoming"
        assert not incoming.exists()


def bitmap(number):
    out = io.BytesIO()
    Image.new("RGB", (4, 4), (number % 256, number // 256, 9)).save(out, "BMP")
    return out.getvalue()


def test_two_pages_change_one_project_at_once(studio):
    path = studio.project("shared by two pages")
    studio.upload(path, bitmap(1), name="a")
    failures = []

    def page(first):
        client = httpx.Client(
            base_url=studio.base,
            cookies=dict(studio.client.cookies),
            headers={"origin": studio.base},
            timeout=60,
        )
        with client:
            for number in range(20):
                body = {"op": "add_class", "name": f"{first} {number}"}
                answer = client.post(f"{path}/changes", json=body)
                failures.extend([] if answer.status_code == 200 else [answer.text])

    threads = [threading.Thread(target=page, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(studio.get(path)["classes"]) == 40
    for _ in range(40):
        project = studio.post(f"{path}/changes", op="undo")
    assert project["classes"] == []


def test_requests_at_once_are_done_or_refused_and_the_journal_is_what_they_made(
    start_studio, tmp_path
):
    """Of one project that is changed, exported, removed and brought back all at the same time."""
    folder = tmp_path / "w"
    with start_studio(folder) as studio:
        path, other = studio.project("at once"), studio.project("removed at once")
        for each in (path, other):
            for number in range(12):
                studio.upload(each, bitmap(number), name=f"{number}", label=f"c{number % 4}")
        answers: list[tuple[int, str]] = []

        def changes(client, number, path=path):
            first, second = f"c{number % 4}", f"c{(number + 1) % 4}"
            for body in (
                {"op": "rename_class", "name": first, "to": f"{first} again"},
                {"op": "merge_classes", "names": [first, second], "to": second},
                {"op": "undo"},
                {"op": "remove_class", "name": second},
                {"op": "label", "ids": [number, 11 - number], "label": first},
                {"op": "redo"},
                {"op": "undo"},
                {"op": "group", "ids": [number], "group": "=g"},
                {"op": "rename_class", "name": f"{first} again", "to": first},
            ):
                yield client.post(f"{path}/changes", json=body)

        def looks(client, number):
            for what in ("", "/images", "/groups", "/export?as=csv", "/repeat", "/findings"):
                yield client.get(path + what)
            yield client.post(f"{path}/export", json={"folder": str(tmp_path / f"out {number}")})

        def removals(client, _):
            yield client.request("DELETE", other, json={})
            yield client.post(f"/api/trash/{other[-8:]}/restore", json={})
            yield from changes(client, 1, other)

        def page(work, number):
            with httpx.Client(
                base_url=studio.base,
                cookies=dict(studio.client.cookies),
                headers={"origin": studio.base},
                timeout=60,
            ) as client:
                for again in range(6):
                    done = work(client, (number + again) % 6)
                    answers.extend((one.status_code, one.text) for one in done)

        works = [(work, number) for work in (changes, looks, removals) for number in range(3)]
        threads = [threading.Thread(target=page, args=each) for each in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [text for status, text in answers if status not in (200, 422)] == []
        if studio.client.get(other).status_code != 200:
            studio.post(f"/api/trash/{other[-8:]}/restore")
        before = [studio.get(each + what) for each in (path, other) for what in ("", "/images")]
        studio.stop()
    with start_studio(folder) as studio:
        again = [studio.get(each + what) for each in (path, other) for what in ("", "/images")]
    assert again == before
