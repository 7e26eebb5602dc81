"""Accounts that their owner lets other people look at, or trade on."""
