"""How images come into a project: uploaded files and archives, folders of this machine."""
