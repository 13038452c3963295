"""Local jobs: the folder that the platform would prepare, and the same supervised run in it, on this machine."""
