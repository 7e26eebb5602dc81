"""What the markets say: feed, quote board, bars, sessions and instruments of both venues."""
