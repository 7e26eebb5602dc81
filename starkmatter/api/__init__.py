"""HTTP for programs and for the browser: parse, authorize, call one service, serialize."""
