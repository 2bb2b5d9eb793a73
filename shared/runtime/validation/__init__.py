"""What a request may look like, and how it is refused: field forms, bounds, problem details."""
