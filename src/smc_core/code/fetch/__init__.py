"""Fetch code from a folder, over HTTP, or from S3."""
