"""The page: its language, and the policy that lets only its own script run."""

import base64
import hashlib
import re

import pytest


@pytest.mark.parametrize(
    ("query", "header", "lang"),
    [("", "ko-KR,ko", "ko"), ("?lang=ko", "en", "ko"), ("?lang=en", "ko", "en"), ("", "fr", "en")],
)
def test_the_page_opens_in_the_readers_language(studio, query, header, lang):
    page = studio.client.get(f"/{query}", headers={"accept-language": header}).text
    assert f'<html lang="{lang}">' in page
    assert "__FOVEAL" not in page


def test_only_the_pages_own_script_may_run(studio):
    answer = studio.client.get("/")
    (script,) = re.findall(r'<script type="module">(.*?)</script>', answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src "
        "'self' data: blob:; connect-src 'self'; media-src blob:; frame-src 'self' blob:; "
        "worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    assert answer.headers["permissions-policy"] == "camera=(self)"
