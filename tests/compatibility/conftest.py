"""The tests of pinned plugins are run with these plugins installed, by ``test_previous_releases.py``."""

collect_ignore = ["pinned"]
