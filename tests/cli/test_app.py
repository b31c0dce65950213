"""The commands of the app: each has help, and a function of the same name in foveal."""

import typer.main

import foveal
from foveal.cli.app import COMMANDS, app


def test_the_app_has_exactly_the_commands():
    assert sorted(typer.main.get_command(app).commands) == sorted(COMMANDS)


def test_every_command_has_one_line_of_help():
    for name, command in typer.main.get_command(app).commands.items():
        assert command.help.strip().splitlines()[0].endswith("."), name


def test_every_command_but_three_is_a_function_of_the_package():
    """`foveal.cache`, `foveal.pretrained` and `foveal.studio` are modules, not functions."""
    assert set(COMMANDS) - set(foveal.__all__) == {"cache", "pretrained", "studio", "project"}
