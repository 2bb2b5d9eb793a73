"""What the catalog does on command and on facts, split by subject: load, decide by the rules, save, emit."""
