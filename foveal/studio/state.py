"""What the routes of one studio share."""

from __future__ import annotations

from dataclasses import dataclass, field

from foveal.serving.logs import Log
from foveal.studio.events import Events
from foveal.studio.security import Access
from foveal.studio.workspace import Workspace


@dataclass(frozen=True)
class StudioState:
    """One open workspace and who may use it."""

    workspace: Workspace
    access: Access
    log: Log
    events: Events = field(default_factory=Events)
