"""What services say to one another and to their users; no input or output happens here."""
