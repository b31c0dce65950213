"""The process of a server that the studio starts: `foveal serve`, which ends with the studio.

`python -m foveal.studio.models.server_process MODEL PORT`
"""

from __future__ import annotations

import math
import os
import signal
import sys

from foveal.errors import Error
from foveal.progress import ProgressLine
from foveal.studio.tasks.parent import watch_parent
from foveal.verbs.serve import serve


def main() -> int:
    """Serve the model of the first argument on the port of the second."""
    watch_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    messages = ProgressLine(sys.stderr, math.inf)  # of which one has the URL
    try:
        return serve([f"model={sys.argv[1]}"], port=int(sys.argv[2]), workers=1, progress=messages)
    except Error as error:
        print(error, file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
