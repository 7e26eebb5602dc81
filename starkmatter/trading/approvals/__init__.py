"""Orders that are proposed by one and confirmed by another, or by the same person with a fresh proof."""
