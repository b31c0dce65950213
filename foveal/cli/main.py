"""The `foveal` command: lists the verbs, turns errors into one sentence and an exit status.

Knows no verb's work; each lives in a module of its own that is imported when it is called.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from foveal import __version__
from foveal.cli import console
from foveal.errors import Error

VERBS = (
    "check", "design", "show", "train", "evaluate", "predict", "explain", "export", "serve",
    "demo", "selftest", "convolve", "cache",
)  # fmt: skip

app = typer.Typer(
    name="foveal",
    help="Recognise pictures with a convolutional neural network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        console.result(f"foveal {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no messages.")] = False,
) -> None:
    """Recognise pictures with a convolutional neural network."""


for _verb in VERBS:
    if find_spec(f"foveal.cli.{_verb}"):
        import_module(f"foveal.cli.{_verb}").register(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with 0 done, 1 failed, 2 wrong usage, 130/143 interrupted."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line with `arguments`; the exit status."""
    signal.signal(signal.SIGTERM, _terminated)
    console.QUIET = "--quiet" in arguments  # allowed before and after the verb
    arguments = [word for word in arguments if word != "--quiet"]
    try:
        status: Any = app(arguments, standalone_mode=False)
    except Error as error:
        sys.stderr.write(f"foveal: {error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        console.message("interrupted")
        return 130
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:
        return 1
    except Exception as error:  # typer's own usage errors carry an exit code and a sentence
        if hasattr(error, "format_message"):
            sys.stderr.write(f"foveal: {' '.join(error.format_message().split())}\n")
            return int(getattr(error, "exit_code", 2))
        raise
    return status if isinstance(status, int) else 0


def _terminated(_signal: int, _frame: object) -> None:
    raise SystemExit(143)
