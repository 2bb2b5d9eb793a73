"""What settlement does: one function per command or fact; load, decide, save, emit."""
