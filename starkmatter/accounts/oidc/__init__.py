"""Signing in at another house: OpenID Connect, and GitHub's OAuth 2.0. Who it is, is never decided by an address."""
