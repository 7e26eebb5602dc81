"""Corporate actions on accounts: what was told is booked, corrected and taken back, and open orders follow."""
