"""The analyst's tools: they read the caller's own or public data and change nothing."""
