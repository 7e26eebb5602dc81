"""One module per source of market data; a vendor's name appears nowhere else."""
