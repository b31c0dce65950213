"""How a request fails: a status, a reason the client can act on, and the request's id.

A response never contains a path of the server or a traceback.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

_PROCESS_PREFIX = secrets.token_hex(5)
_COUNTER = itertools.count()
_MAX_SHOWN = 64
_EXPECTED = {
    "int_parsing": "a whole number",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "string_too_long": "at most {max_length} characters",
}
"""What a parameter needs, by pydantic's type of the error and with its context."""
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestError(Exception):
    """Ends a request: `status` and `reason` are sent; `extra` keys are added to the JSON."""

    def __init__(
        self, status: int, reason: str, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        self.status, self.reason, self.headers, self.extra = status, reason, headers or {}, extra
        super().__init__(reason)


def unavailable(reason: str, retry_after_seconds: int = 1) -> RequestError:
    """503 with Retry-After: the request is valid, the server is overloaded or stopping."""
    return RequestError(503, reason, headers={"retry-after": str(retry_after_seconds)})


def error_json(reason: str, request_id: str, **extra: Any) -> bytes:
    """The JSON body of a failed request."""
    return json.dumps({"error": reason, "id": request_id, **extra}, ensure_ascii=False).encode()


def error_response(error: RequestError, request_id: str) -> Response:
    """The response to a request that failed."""
    return Response(
        error_json(error.reason, request_id, **error.extra),
        error.status,
        headers=error.headers,
        media_type="application/json",
    )


def validation_reason(errors: Sequence[Mapping[str, Any]]) -> str:
    """The first wrong parameter of pydantic's errors: its name, what was received, what to give."""
    where, name = errors[0]["loc"][:2]
    same = [error for error in errors if error["loc"][:2] == (where, name)]
    expected = " or ".join(
        _EXPECTED.get(error["type"], error["msg"]).format_map(error.get("ctx", {}))
        for error in same
    )
    received = str(errors[0].get("input"))[:_MAX_SHOWN]
    return f"{where} parameter '{name}' is '{received}'; give {expected}"


def make_request_id(header: bytes | None) -> str:
    """The client's X-Request-Id where it is at most 64 of A-Za-z0-9._-, else a new id."""
    text = header.decode("latin-1") if header else ""
    return text if _VALID_ID.fullmatch(text) else f"{_PROCESS_PREFIX}{next(_COUNTER):06x}"
