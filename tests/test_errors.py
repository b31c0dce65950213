"""The exception tree and its exit statuses."""

from foveal import errors


def test_the_tree_in_the_docstring_is_the_tree():
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert all(cls.__name__ in (errors.__doc__ or "") for cls in classes)
    assert all(issubclass(cls, errors.Error) for cls in classes)


def test_exit_status():
    assert errors.UsageError.exit_status == 2
    assert errors.SpecError(["a", "b"]).exit_status == 2
    assert errors.DataError.exit_status == 1


def test_spec_error_shows_every_problem():
    assert str(errors.SpecError(["one", "two"])) == "one\ntwo"


def test_missing_extra_gives_the_line_to_type():
    assert str(errors.MissingExtra("foveal serve", "serve")) == (
        "foveal serve needs the extra 'serve': install Foveal again with [serve] behind its name "
        "or folder, as in  pip install '.[serve]'"
    )
