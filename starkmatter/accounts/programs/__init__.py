"""Programs that act for a person: API tokens, and short-lived access tokens with refresh tokens that rotate."""
