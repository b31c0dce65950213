"""Who may use the studio: the token of the first URL, the cookie, and where requests come from.

The token in the URL that the studio prints is new at every start and is exchanged for a cookie, as
Jupyter does. Cookies of one machine are shared by all its ports, so a change also needs the
studio's own Origin, and Host must be a name that cannot be rebound to this machine.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from starlette.requests import Request

from foveal.serving.errors import RequestError
from foveal.serving.middleware.auth import parse_host
from foveal.serving.settings import LOOPBACK_HOSTS, is_ip_address
from foveal.studio.secret import make_secret

CHANGING_METHODS = ("POST", "PUT", "PATCH", "DELETE")
JSON, BINARY = "application/json", "application/octet-stream"
NO_COOKIE = (
    "this page belongs to the person who started the studio: open the address that "
    "'foveal studio' printed, with its token"
)


def media_type(request: Request) -> str:
    """The Content-Type of a request without its parameters; '' where it has none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Access:
    """What a request must bring.

    host, port: where the studio listens.  cookie: the value of its cookie, which outlives a
    restart so that an open page goes on.  token: that of the URL, new at every start.
    """

    host: str
    port: int
    cookie: str = field(repr=False)
    token: str = field(repr=False, default_factory=make_secret)

    @property
    def cookie_name(self) -> str:
        """A name of its own for every port, as cookies know none."""
        return f"foveal-studio-{self.port}"

    def check(self, request: Request) -> None:
        """Raise RequestError where the request must not be answered; `/` is not asked a cookie."""
        self._check_host(request)
        if request.url.path != "/":
            self._check_site(request)
            if not self.has_cookie(request):
                raise RequestError(403, NO_COOKIE)
        if request.method in CHANGING_METHODS:
            self._check_change(request)

    def has_cookie(self, request: Request) -> bool:
        """Whether the request brings the cookie of this studio."""
        given = request.cookies.get(self.cookie_name, "")
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.cookie.encode())

    def has_token(self, request: Request) -> bool:
        """Whether the URL holds the token."""
        given = request.query_params.get("token", "")
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def cookie_header(self) -> str:
        """The value of Set-Cookie."""
        return f"{self.cookie_name}={self.cookie}; Path=/; HttpOnly; SameSite=Strict"

    def _check_host(self, request: Request) -> None:
        host = parse_host(request.scope["headers"])
        local = self.host in LOOPBACK_HOSTS
        if host not in (*LOOPBACK_HOSTS, self.host.lower()) and (local or not is_ip_address(host)):
            raise RequestError(
                403,
                "this Host is not the studio's: open the address that 'foveal studio' printed",
            )

    def _check_site(self, request: Request) -> None:
        """Reject what another page asks for; browsers say so in Sec-Fetch-Site."""
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise RequestError(403, "another site's page asks for this; only the studio's may")

    def _check_change(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is None or origin.lower() != f"http://{request.headers['host'].lower()}":
            raise RequestError(403, "a change must come from the studio's own page (Origin)")
        if media_type(request) not in (JSON, BINARY):
            raise RequestError(415, f"a change must be sent as {JSON}, and files as {BINARY}")
