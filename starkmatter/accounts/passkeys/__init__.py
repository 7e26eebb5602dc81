"""Passkeys (WebAuthn): a key pair on a person's device instead of something they know."""
