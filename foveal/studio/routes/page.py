"""The page at /, and the exchange of the first URL's token for the cookie."""

from __future__ import annotations

import base64
import hashlib
import html
import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from foveal import __version__
from foveal.pages import render
from foveal.studio.security import NO_COOKIE, Access

_SCRIPT = re.compile(r'<script type="module">(.*?)</script>', re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; media-src blob:; frame-src 'self' blob:; "
    "worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def page_routes(access: Access) -> list[Route]:
    """GET / ."""

    def page(request: Request) -> Response:
        if "token" in request.query_params and access.has_token(request):
            answer = RedirectResponse("/", 303)
            answer.headers["set-cookie"] = access.cookie_header()
            return answer
        if not access.has_cookie(request):
            return _refusal()
        text = render("studio", {"version": __version__}, _language(request))
        policy = {"content-security-policy": _POLICY.format(scripts=_script_hashes(text))}
        return HTMLResponse(text, headers={**policy, "permissions-policy": "camera=(self)"})

    return [Route("/", page)]


def _refusal() -> Response:
    text = html.escape(NO_COOKIE)
    page = f'<!doctype html><html lang="en"><title>Foveal</title><p>{text}.</p></html>'
    return HTMLResponse(page, 403)


def _language(request: Request) -> str:
    header = request.headers.get("accept-language", "")
    return "ko" if request.query_params.get("lang", header).lower().startswith("ko") else "en"


def _script_hashes(page: str) -> str:
    """The sources of script-src: the hashes of the page's own scripts, and nothing else."""
    digests = (hashlib.sha256(each.encode()).digest() for each in _SCRIPT.findall(page))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
