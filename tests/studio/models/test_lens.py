"""Lens pages: made as `foveal explain` does, and kept for a while."""

import pytest

from foveal.errors import Error, UsageError
from foveal.studio.models.lens import MAX_KEPT_PAGES, Lenses
from foveal.studio.models.loaded import model_path


def test_a_page_is_made_and_kept_until_others_replace_it(digits_run, new_digits):
    lenses, model = Lenses(), model_path(digits_run)
    image = sorted(new_digits.rglob("*.png"))[0]
    first = lenses.make(model, image)
    assert '<html lang="en"' in lenses.page(first)
    assert image.name in lenses.page(first)
    others = [lenses.make(model, image.read_bytes()) for _ in range(MAX_KEPT_PAGES)]
    assert '<html lang="en"' in lenses.page(others[-1])
    with pytest.raises(UsageError) as raised:
        lenses.page(first)
    assert str(raised.value) == "this explanation is kept no longer; make it again"


def test_an_image_that_cannot_be_read(digits_run):
    with pytest.raises(Error) as raised:
        Lenses().make(model_path(digits_run), b"text")
    assert str(raised.value).startswith("the given image cannot be read (")
