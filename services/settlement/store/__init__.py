"""Write SQL of settlement: lock, insert, save."""
