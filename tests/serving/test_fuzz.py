"""Whatever is sent, the response keeps the published schema and is never an internal error."""

from __future__ import annotations

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from foveal.serving.middleware.auth import PUBLIC_PATHS

TOKEN = "a-token-for-the-fuzzer-0123456789"
HEADERS = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def api(serve_module, images):
    """The schema of a quick server that requires a token; images are real, or random bytes."""
    image = st.sampled_from(images) | st.binary(max_size=100)
    for media in ("image/png", "image/jpeg", "application/octet-stream"):
        schemathesis.openapi.media_type(media, image)
    explain = lambda *_: "<!doctype html><title>why</title>"  # noqa: E731
    with serve_module(token=TOKEN, explain=explain) as server:
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json", headers=HEADERS)


@pytest.fixture(scope="module")
def serve_module(request):
    from _pytest.monkeypatch import MonkeyPatch

    patch = MonkeyPatch()
    serve = request.getfixturevalue("serve_locally")
    yield lambda **options: serve(patch, **options)
    patch.undo()


OPERATIONS = [
    ("GET", "/"),
    ("GET", "/metrics"),
    ("GET", "/models"),
    ("GET", "/v2"),
    ("GET", "/v2/health/live"),
    ("GET", "/v2/health/ready"),
    ("GET", "/v2/models/{name}"),
    ("GET", "/v2/models/{name}/ready"),
    ("POST", "/explain"),
    ("POST", "/predict"),
    ("POST", "/v2/models/{name}/infer"),
]


def test_every_operation_is_fuzzed(api) -> None:
    operations = [result.ok() for result in api.get_all_operations()]
    assert sorted((each.method.upper(), each.path) for each in operations) == sorted(OPERATIONS)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation_keeps_its_schema(api, method: str, path: str, mode: GenerationMode) -> None:
    operation = api[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def fuzz(case) -> None:
        # Whether bytes are an image, or numbers fit a shape, is beyond what a schema can say.
        # The fuzzer's own test of the token sends the correct one with it; there is one below.
        case.call_and_validate(
            headers=HEADERS, excluded_checks=[positive_data_acceptance, ignored_auth]
        )

    try:
        fuzz()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing about it can be wrong


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation_requires_the_token(api, method: str, path: str) -> None:
    url = api.get_base_url().rstrip("/") + path.replace("{name}", "animals")
    secured = "401" in api[path][method].definition.raw["responses"]
    assert secured == (path not in PUBLIC_PATHS)
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eDp5"}):
        response = httpx.request(method, url, headers=headers)
        assert (response.status_code == 401) == secured
        if secured:
            assert response.headers["www-authenticate"] == 'Bearer realm="foveal"'
            assert response.json()["error"] == "this server requires a bearer token"
