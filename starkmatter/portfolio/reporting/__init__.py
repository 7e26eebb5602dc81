"""Reports: an account's period as one value, computed once, and written as HTML, as PDF, in mails and behind links."""
