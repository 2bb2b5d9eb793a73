"""Pure values and rules of arithmetic; the standard library only."""
