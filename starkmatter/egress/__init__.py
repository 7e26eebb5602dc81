"""The way out: every request to the outside world leaves through a guarded client and a line per vendor."""
