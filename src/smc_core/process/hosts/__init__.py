"""Several hosts of one job: how they meet, recognise each other, and succeed or fail together."""
