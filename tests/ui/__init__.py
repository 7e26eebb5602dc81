"""The interface without a browser: figures as text, states against the real services, who may call what."""
