"""Secrets of the studio: tokens and cookies. Knows no HTTP, which a light install has not."""

from __future__ import annotations

import secrets


def make_secret() -> str:
    """32 random bytes as text that fits a URL and a cookie."""
    return secrets.token_urlsafe(32)
