"""Seeded bugs: each is planted in a copy of the checkout, and the tests named for it must turn red."""
