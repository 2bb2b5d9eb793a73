"""What identity does on command, split by aggregate: load, decide by the rules, save, emit."""
