"""What happens when the phone rings: whose call it is, what the voice platform is answered, what is kept of it."""
