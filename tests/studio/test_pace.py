"""How often live views are drawn, and how amounts are written: TypeScript of the page in Node."""

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser  # needs node

HERE = Path(__file__).parent


def test_live_views_share_a_frame_and_rest_as_long_as_it_cost(run_script):
    run_script("pace.mjs")


def test_small_amounts_are_written_as_a_person_would():
    command = ["node", HERE / "numbers.mjs"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "memory": ["< 1 MB", "< 1 MB", "1.0 MB", "3.4 MB", "10 MB", "240 MB", "1.3 GB"],
        "files": ["1 kB", "240 kB", "27 MB"],
        "durations": [
            "instant 1",
            "instant 1",
            "milliseconds 1",
            "milliseconds 35",
            "milliseconds 990",
            "seconds 1",
            "seconds 3.4",
            "long",
        ],
    }
