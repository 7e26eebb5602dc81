"""Exchange rates by day: fetched by the worker, asked for by everybody else."""
