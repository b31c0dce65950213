"""Requests to the server and to the studio, as bytes on a connection of the real protocol."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import json
import re
import socket
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from run_readers import PROJECT, RUN, ServerFailure, write_workspace
from samples import encoded, file_bytes

HOST, COOKIE = "127.0.0.1", "c" * 43
WAIT_SECONDS = 20.0
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n")


class Connections:
    """A loop that answers connections; they are pairs of sockets, so nothing listens."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def ask(self, config: Any, request: bytes) -> bytes:
        """All that is answered to these bytes until the connection is closed."""
        from uvicorn.server import ServerState

        if not config.loaded:
            config.load()
        client, server = socket.socketpair()
        client.settimeout(WAIT_SECONDS)
        protocol = functools.partial(
            config.http_protocol_class, config=config, server_state=ServerState(), app_state={}
        )
        accepted = self._loop.connect_accepted_socket(protocol, server)
        asyncio.run_coroutine_threadsafe(accepted, self._loop).result(WAIT_SECONDS)
        pieces = []
        with client:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(request)
            with contextlib.suppress(ConnectionResetError):
                while piece := client.recv(1 << 16):
                    pieces.append(piece)
        return b"".join(pieces)


@functools.cache
def _connections() -> Connections:
    return Connections()


def _judge(answer: bytes, log: str) -> None:
    """Raise ServerFailure for an error of the server itself, Error for a refusal."""
    from foveal.errors import Error

    statuses = [int(status) for status in _STATUS_LINE.findall(answer)]
    if "Traceback" in log or any(status >= 500 and status != 503 for status in statuses):
        raise ServerFailure(f"{answer[:2000]!r} {log[-3000:]}")
    if not statuses or statuses[0] < 400:
        return
    body = answer.partition(b"\r\n\r\n")[2]
    with contextlib.suppress(ValueError, KeyError, TypeError):
        raise Error(json.loads(body)["error"])


# The server of predictions


def _request(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"host: {HOST}", "connection: close", *headers]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _chunked(target: str, body: bytes, kind: str) -> bytes:
    head = _request("POST", target, b"", f"content-type: {kind}", "transfer-encoding: chunked")
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:]))
    return head + chunks + b"0\r\n\r\n"


def write_server_requests(folder: Path) -> None:
    image = encoded(0)
    numbers = [0.5] * 16 * 16 * 3
    tensor = {"name": "pixels", "shape": [1, 16, 16, 3], "datatype": "UINT8", "data": numbers}
    infer = json.dumps({"id": "a", "inputs": [tensor]}).encode()
    parts = b'--b\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n'
    parts += b"content-type: image/png\r\n\r\n" + image + b"\r\n--b--\r\n"
    kind = "content-type: application/json"
    requests = {
        "page": _request("GET", "/"),
        "models": _request("GET", "/models", b"", "accept: application/json", "x-request-id: a"),
        "metrics": _request("GET", "/metrics", b"", "authorization: Bearer x"),
        "ready": _request("HEAD", "/v2/models/tiny/ready"),
        "predict": _request("POST", "/predict?top=2", image, "content-type: image/png"),
        "chunked": _chunked("/predict?model=tiny", image, "application/octet-stream"),
        "parts": _request(
            "POST", "/predict", parts, "content-type: multipart/form-data; boundary=b"
        ),
        "infer": _request("POST", "/v2/models/tiny/infer", infer, kind),
        "explain": _request("POST", "/explain?model=tiny", image, "content-type: image/png"),
        "expect": _request("POST", "/predict", image, "expect: 100-continue", "origin: http://a"),
    }
    for name, content in requests.items():
        (folder / f"{name}.http").write_bytes(content)


@functools.cache
def _server() -> tuple[Any, io.StringIO]:
    """The configuration of a server with a tiny model, and what it logs."""
    from model_readers import write_model

    from foveal.serving.logs import Log
    from foveal.serving.processes.worker import create_state, uvicorn_config
    from foveal.serving.settings import ServerLimits, Settings

    folder = Path("served").absolute()
    folder.mkdir()
    write_model(folder)
    limits = replace(ServerLimits(), receive_seconds=0.3, idle_seconds=1.0)
    settings = Settings(models={"tiny": folder / "model.safetensors"}, port=0, limits=limits)
    written = io.StringIO()
    explain = lambda *_: "<!doctype html><title>why</title>"  # noqa: E731
    return uvicorn_config(create_state(settings, Log(stream=written), explain)), written


def read_server_request(path: Path) -> None:
    """One connection to `foveal serve`; no answer may hold a path of this machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config, written = _server()
        written.truncate(0)
        answer = _connections().ask(config, file_bytes(path))
    if str(Path.cwd()).encode() in answer:
        raise ServerFailure(f"a path in {answer[:2000]!r}")
    _judge(answer, written.getvalue())


# The studio


def write_studio_requests(folder: Path) -> None:
    write_workspace(folder / "workspace")
    cookie, origin = f"cookie: foveal-studio-80={COOKIE}", f"origin: http://{HOST}"
    project, run = f"/api/projects/{PROJECT}", f"/api/projects/{PROJECT}/runs/{RUN}"
    read = ["/", "/api/studio", f"{project}/images?page=0&size=5&sort=label", f"{project}/images/3"]
    read += [f"{project}/images/3/thumbnail", f"{project}/images/3/pixels", f"{project}/export"]
    read += [f"{project}/compare?a={RUN}&b={RUN}", "/api/network/presets/swift-s", f"{run}/live"]
    read += [f"{run}/exports/model.onnx", f"{run}/lens/abc", f"{run}/errors?page=1", f"{run}/card"]
    change: dict[str, dict[str, Any]] = {
        f"{project}": {"name": "fruit"},
        "/api/projects": {"name": "new"},
        f"{project}/changes": {"op": "label", "ids": [0, 1], "label": "cat"},
        f"{project}/changes?": {"op": "split", "ids": [2], "split": "val"},
        f"{project}/changes?a": {"op": "merge_classes", "names": ["ant", "bee"], "to": "bee"},
        f"{project}/changes?b": {"op": "undo"},
        f"{project}/network": {"yaml": "input: 16x16x3", "reasons": []},
        "/api/network/check": {"yaml": "input: 16x16x3\nlayers:\n- flatten\n", "classes": 3},
        f"{project}/folders": {"path": "/nothing/here"},
        f"{project}/export": {"folder": "/nothing/here"},
        f"{run}/predict": {"image": 3},
        f"{run}/lens": {"image": 3},
        f"{run}/rename": {"name": "b"},
    }
    requests = [_request("GET", target, b"", cookie) for target in read]
    requests += [
        _request("POST", target, json.dumps(body).encode(), cookie, origin, kind)
        for kind in ("content-type: application/json",)
        for target, body in change.items()
    ]
    binary = [cookie, origin, "content-type: application/octet-stream"]
    upload = f"{project}/uploads?name=a.png&batch=b&label=ant"
    requests.append(_request("POST", upload, encoded(7), *binary))
    requests.append(_request("POST", f"{run}/predict", encoded(7), *binary))
    requests.append(_request("DELETE", f"{run}", b"", cookie, origin))
    for number, content in enumerate(requests):
        (folder / f"{number:02}.http").write_bytes(content)


def read_studio_request(path: Path) -> None:
    """One connection to `foveal studio`, with a workspace of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import uvicorn

        from foveal.serving.http import limited_protocol
        from foveal.serving.logs import Log
        from foveal.serving.metrics import Metrics
        from foveal.studio.app import create_app
        from foveal.studio.middleware import StudioMiddleware
        from foveal.studio.security import Access
        from foveal.studio.server import LIMITS
        from foveal.studio.state import create_state
        from foveal.studio.workspace import open_workspace

        written = io.StringIO()
        access, log = Access(HOST, 80, COOKIE, "t" * 43), Log(stream=written)
        limits = replace(LIMITS, receive_seconds=0.3, idle_seconds=1.0)
        with open_workspace(path.parent / "workspace") as workspace:
            state = create_state(workspace, access, log)
            try:
                config = uvicorn.Config(
                    StudioMiddleware(create_app(state), access, log),
                    http=limited_protocol(limits, Metrics()),
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    timeout_keep_alive=1,
                )
                answer = _connections().ask(config, file_bytes(path))
            finally:
                state.close()
    _judge(answer, written.getvalue())
