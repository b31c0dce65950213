"""Events: in order, resumed after the last one seen, and told where they are no longer known."""

import asyncio

import pytest

from foveal.studio import events as module
from foveal.studio.events import Events


async def read(stream, count):
    return [await anext(stream) for _ in range(count)]


def open_after(events, publish, last_id=None, count=1, project="p"):
    """What a page receives: the first line, then `count` events, `publish` called in between."""

    async def page():
        stream = events.stream(project, last_id)
        first = [await anext(stream)]
        publish()
        return first + await read(stream, count)

    return asyncio.run(page())


def test_a_first_page_is_told_to_load_everything_and_then_every_event():
    events = Events()

    def publish():
        events.publish("p", "task", {"done": 1})
        events.publish("other", "task", {"done": 5})
        events.publish("p", "project", {"revision": 2})

    start = events._start
    assert open_after(events, publish, count=3) == [
        b"retry: 1000\n\n",
        f"id: {start}.0\nevent: reload\ndata: {{}}\n\n".encode(),
        f'id: {start}.1\nevent: task\ndata: {{"done": 1}}\n\n'.encode(),
        f'id: {start}.3\nevent: project\ndata: {{"revision": 2}}\n\n'.encode(),
    ]


def test_a_page_that_comes_back_gets_what_it_missed():
    events = Events()
    for number in range(5):
        events.publish("p", "task", {"done": number})
    received = open_after(events, lambda: None, f"{events._start}.3", count=2)
    assert [b'{"done": 3}' in received[1], b'{"done": 4}' in received[2]] == [True, True]


@pytest.mark.parametrize(
    "last_id", ["", "5", "other.1", "{start}.", "{start}.x", "{start}.99", "{start}." + "9" * 30]
)
def test_an_id_that_is_not_known_means_reload(last_id):
    events = Events()
    events.publish("p", "task", {})
    received = open_after(events, lambda: None, last_id.format(start=events._start))
    assert received[1] == f"id: {events._start}.1\nevent: reload\ndata: {{}}\n\n".encode()


def test_an_id_older_than_what_is_kept_means_reload(monkeypatch):
    monkeypatch.setattr(module, "MAX_KEPT_EVENTS", 3)
    events = Events()
    for _ in range(5):
        events.publish("p", "task", {})
    old = open_after(events, lambda: None, f"{events._start}.1")
    kept = open_after(events, lambda: None, f"{events._start}.2", count=3)
    assert b"event: reload" in old[1]
    assert all(b"event: task" in each for each in kept[1:])


def test_a_quiet_stream_says_now_and_then_that_it_is_there(monkeypatch):
    monkeypatch.setattr(module, "KEEP_ALIVE_SECONDS", 0.01)
    assert open_after(Events(), lambda: None, count=2)[2] == b": still here\n\n"


def test_a_page_that_does_not_read_is_disconnected(monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING_EVENTS", 2)
    events = Events()

    async def page():
        stream = events.stream("p", None)
        await anext(stream)
        for _ in range(4):
            events.publish("p", "task", {})
        await asyncio.sleep(0)
        return [text async for text in stream]

    received = asyncio.run(page())
    assert [text.count(b"task") for text in received] == [0, 1, 1]


def test_closing_ends_open_streams_and_later_ones():
    events = Events()

    async def pages():
        first = events.stream("p", None)
        await anext(first)
        events.close()
        later = events.stream("p", None)
        return [text async for text in first], [text async for text in later]

    assert [len(received) for received in asyncio.run(pages())] == [1, 2]
    assert not events._pages


def test_over_a_socket_with_the_browsers_header(studio, read_events):
    path = studio.project("streamed")
    first = read_events(studio, path, 1)
    assert first[0][1:] == ("reload", {})
    studio.post(path, name="renamed")
    ((again, kind, _),) = read_events(studio, path, 1, last_id=first[0][0])
    assert kind == "project"
    assert int(again.partition(".")[2]) > int(first[0][0].partition(".")[2])


def test_it_is_known_whether_a_page_looks_at_a_project():
    events = Events()

    async def look():
        stream = events.stream("a", None)
        await anext(stream)
        seen = events.has_pages("a"), events.has_pages("b")
        await stream.aclose()
        return seen

    assert not events.has_pages("a")
    assert asyncio.run(look()) == (True, False)
    assert not events.has_pages("a")
