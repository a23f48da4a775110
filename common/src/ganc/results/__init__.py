"""Search results: their table, files, journal, and selection. Nothing here knows a network."""
