"""The studio: a local page over all verbs, served to the browser of the person who started it."""
