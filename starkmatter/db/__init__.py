"""PostgreSQL: the pool, the tables and the migrations. SQL lives here and in each room's `queries.py`."""
