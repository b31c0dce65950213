"""The command line: parse, call a verb, print."""

import os

# Looking for other packages' pydantic plugins reads the metadata of everything installed: a tenth
# of the time to a first answer, for code that has no business in this command.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
