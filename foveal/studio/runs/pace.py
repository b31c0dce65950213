"""How often what people watch is computed anew: so seldom that training hardly notices."""

from __future__ import annotations

LIVE_SHARE = 0.005
"""Of a processor's time, for each of: the watch over runs, filters and feature maps."""
MAX_PAUSE_SECONDS = 60.0


def pause_after(seconds: float, least: float) -> float:
    """Seconds to wait after an update that took `seconds`; at least `least`."""
    return min(max(least, seconds / LIVE_SHARE), max(least, MAX_PAUSE_SECONDS))
