"""Processes of long work whose source a test gives."""

import subprocess
import sys
import textwrap

import pytest

from foveal.studio.tasks import process as module


@pytest.fixture
def child_source(monkeypatch):
    """`child_source(source)` makes it what each child process runs; returns those started since."""
    popen = subprocess.Popen

    def use(source):
        started = []

        def start(command, **options):
            source_command = [sys.executable, "-c", textwrap.dedent(source), command[-1]]
            started.append(popen(source_command, **options))
            return started[-1]

        monkeypatch.setattr(module.subprocess, "Popen", start)
        return started

    return use
