"""What all providers have in common: the one way out, the account that is asked, and what a complete list is."""
