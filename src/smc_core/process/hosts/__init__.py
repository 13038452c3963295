"""Several hosts of one job: how they meet, recognise each other, and stand and fall together."""
