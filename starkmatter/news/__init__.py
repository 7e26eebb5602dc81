"""News: collected, made plain text, told apart, linked to symbols and scored; what is read is never trusted."""
