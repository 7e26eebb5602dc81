"""When things happen: the worker process, who leads, and the timetable."""
