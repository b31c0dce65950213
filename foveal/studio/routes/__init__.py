"""The routes of the studio; each module returns its own."""
