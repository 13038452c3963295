"""Bring code from where it is: a folder, HTTP, S3."""
