"""What each tab shows. Thin: every figure comes from a service, is turned to text here and is read again on load."""
