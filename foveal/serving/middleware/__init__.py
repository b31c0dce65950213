"""ASGI middleware: access checks, request ids and request logs."""
