"""The stages as one pipeline: its rules (Snakefile, beside this file), its configuration, and its last step."""
