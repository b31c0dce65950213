"""The commands of the app: each has help, and a function of the same name in foveal."""

import foveal
from foveal.cli.app import COMMANDS, app


def _name(command):
    return command.name or command.callback.__name__


def test_the_app_has_exactly_the_commands():
    assert [_name(command) for command in app.registered_commands] == list(COMMANDS)


def test_every_command_has_one_line_of_help():
    for command in app.registered_commands:
        lines = (command.help or command.callback.__doc__).strip().splitlines()
        assert lines[0].endswith("."), _name(command)


def test_every_command_but_cache_is_a_function_of_the_package():
    assert set(COMMANDS) - set(foveal.__all__) == {"cache"}
