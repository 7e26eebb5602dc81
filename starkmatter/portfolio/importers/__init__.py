"""Reading other programs' files: bytes into canonical records, with every line that could not be read told in words."""
