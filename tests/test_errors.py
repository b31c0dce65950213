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
        "foveal serve needs the extra 'serve': type  pip install 'foveal[serve]'"
    )


def test_what_a_terminal_would_not_show_is_escaped():
    """Names in messages come from files: they may hold the codes that clear a screen."""
    text = "there is no class '\x1b[2J\u202e\udc80' in 가\tb\nline 2"
    shown = "there is no class '\\x1b[2J\\u202e\\udc80' in 가\\tb\nline 2"
    assert str(errors.DataError(text)) == shown
    assert errors.ImageError("\x07").reason == str(errors.ImageError("\x07")) == "\\x07"
    assert errors.SpecError(["a\rb", "c"]).problems == ("a\\rb", "c")
    assert str(errors.Error()) == ""


def test_the_middle_of_a_long_line_is_cut():
    error = errors.DataError(f"unknown split '{'x' * 100_000}'; give train\nshort")
    assert str(error) == f"unknown split '{'x' * 1480} ... {'x' * 487}'; give train\nshort"
    assert str(errors.SpecError(["x" * 3000])) == f"{'x' * 1495} ... {'x' * 500}"
