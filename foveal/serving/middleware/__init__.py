"""What every request passes: request id, limits, authentication, the log line."""
