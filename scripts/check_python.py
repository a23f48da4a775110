"""Exit with one line if this Python cannot hold what a constraints file pins. Runs on old Pythons too."""

import sys

version, needed = sys.version_info[:2], "3.11 or later"
fits = version >= (3, 11)
if "paddle26" in sys.argv[1]:
    fits = fits and version <= (3, 12)
    needed = "3.11 or 3.12 (there is no paddlepaddle 2.6 for others)"
if not fits:
    found = sys.executable + " is Python " + sys.version.split()[0]
    sys.exit(found + ": ganc needs " + needed + "; name one with PYTHON=python3.12, for example")
