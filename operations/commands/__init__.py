"""One module for each command: how it is called (`add`) and what it does."""
