"""ganc's own files: checkpoints, model cards, run directories; and how to tell files of other kinds."""
