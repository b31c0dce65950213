"""The processes of a server: one supervisor, which owns the socket, and its workers."""
