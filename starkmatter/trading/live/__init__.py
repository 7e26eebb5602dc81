"""Orders of real money: off until an account's owner turns them on, and above a limit a second factor for each."""
