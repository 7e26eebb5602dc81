"""The small JavaScript components: live cells and keys, the candle chart, and forms that post to REST."""
