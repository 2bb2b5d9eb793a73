"""The operators' command line: look after the platform from outside its services."""
