"""One project of the studio: its journal, and the table of images and classes that it makes."""
