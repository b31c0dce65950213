"""What a verb says while it works."""

import pytest

from foveal.progress import Progress


class Messages(Progress):
    """Keeps the messages of a verb."""

    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


@pytest.fixture
def messages():
    return Messages()
