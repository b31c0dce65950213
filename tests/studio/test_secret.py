import re

from foveal.studio.secret import make_secret


def test_a_secret_fits_a_url_and_a_cookie_and_never_comes_twice():
    made = {make_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", secret) for secret in made)
