"""The `foveal` command: run a command, turn errors into one sentence and an exit status.

The common forms of `predict` are parsed without typer, which takes longer to load.
"""

from __future__ import annotations

import io
import signal
import sys
from typing import Any

from foveal.cli import console, fast_predict
from foveal.cli.process import exit_process, open_missing_streams, require_current_folder
from foveal.errors import Error


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with 0 done, 1 failed, 2 wrong usage, 130/143 interrupted."""
    try:
        status = run(sys.argv[1:] if arguments is None else arguments)
    except Exception as error:  # of Foveal itself: shown as Python does
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    exit_process(status)


def run(arguments: list[str]) -> int:
    """Run the command line with `arguments`; the exit status."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        open_missing_streams()
        require_current_folder()
    except Error as error:
        sys.stderr.write(f"foveal: {error}\n")
        return error.exit_status
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file name may hold what is no text
        sys.stdout.reconfigure(errors="backslashreplace")
    console.QUIET = "--quiet" in arguments  # allowed before and after the verb
    arguments = [word for word in arguments if word != "--quiet"]
    try:
        status: Any = _run_command(arguments)
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
    except OSError as error:  # such as a name that is too long for this system
        where = f": {error.filename}" if error.filename else ""
        sys.stderr.write(f"foveal: {error.strerror or error}{where}\n")
        return 1
    except Exception as error:  # typer's own usage errors carry an exit code and a sentence
        if hasattr(error, "format_message"):
            sentence = " ".join(error.format_message().split()).replace(": Value error, ", ": ")
            if sentence.startswith("Got unexpected extra argument"):
                sentence += "; a path with blanks needs quotes around it"
            sys.stderr.write(f"foveal: {sentence}\n")
            return int(getattr(error, "exit_code", 2))
        raise
    return status if isinstance(status, int) else 0


def _run_command(arguments: list[str]) -> Any:
    given = fast_predict.parse_predict(arguments[1:]) if arguments[:1] == ["predict"] else None
    if given is not None:
        from foveal.cli.prediction_output import print_predictions

        return print_predictions(*given)
    from foveal.cli.app import app

    return app(arguments, standalone_mode=False)


def _on_sigterm(_signal: int, _frame: object) -> None:
    raise SystemExit(143)
