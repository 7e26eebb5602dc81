"""Corporate actions of the wall-clock market: fetched and corrected by the worker, read by pages, charts and bars."""
