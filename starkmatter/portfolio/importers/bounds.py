"""How large and how strange a file may be before it is refused as a whole, and the error that says so."""

from starkmatter.errors import InvalidInput

MAX_BYTES = 32 * 1024 * 1024
MAX_ROWS = 50_000
MAX_COLUMNS = 300
MAX_CELL_CHARS = 8_000
MAX_LINE_CHARS = 200_000
MAX_DEPTH = 24
MAX_TEXT_CHARS = 200
HEAD_LINES = 60


def unreadable(text: str) -> InvalidInput:
    """The one error of this room for a whole file: nothing of it was taken."""
    return InvalidInput(text, code="import_unreadable")


def too_large(text: str) -> InvalidInput:
    """The file goes past a limit; the text names it."""
    return InvalidInput(text, code="import_too_large")


def canceled() -> InvalidInput:
    """Somebody asked the reading to stop."""
    return InvalidInput("Reading was stopped. Nothing was taken.", code="import_canceled")
