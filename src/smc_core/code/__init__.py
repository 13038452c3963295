"""User code and what it needs: fetched, unpacked, installed."""
