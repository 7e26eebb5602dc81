"""What accounts consist of, what they are to consist of, and the orders that would bring them there."""
