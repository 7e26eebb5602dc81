"""Taking files of other programs into tracked accounts: upload, dry run, booking, and taking it back."""
