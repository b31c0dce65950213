"""How a request fails: a status, a reason a person can act on, and the request's id.

Knows nothing of routes; never puts a path of this machine or a trace into an answer.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
from typing import Any

from starlette.responses import Response

_PROCESS = secrets.token_hex(5)
_NUMBERS = itertools.count()
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestError(Exception):
    """Ends a request: `status` and `reason` are sent, `more` is added to the answer's body."""

    def __init__(
        self, status: int, reason: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        self.status, self.reason, self.headers, self.more = status, reason, headers or {}, more
        super().__init__(reason)


def busy(reason: str, seconds: int = 1) -> RequestError:
    """503 with Retry-After: nothing is wrong with the request, the server has too much to do."""
    return RequestError(503, reason, headers={"retry-after": str(seconds)})


def body(reason: str, identity: str, **more: Any) -> bytes:
    """The JSON of a failed request."""
    return json.dumps({"error": reason, "id": identity, **more}, ensure_ascii=False).encode()


def response(failure: RequestError, identity: str) -> Response:
    """The answer to a request that failed."""
    return Response(
        body(failure.reason, identity, **failure.more),
        failure.status,
        headers=failure.headers,
        media_type="application/json",
    )


def identity(given: bytes | None) -> str:
    """The request's id: what the client sent where it is plain, else a new one."""
    text = given.decode("latin-1") if given else ""
    return text if _ID.fullmatch(text) else f"{_PROCESS}{next(_NUMBERS):06x}"
