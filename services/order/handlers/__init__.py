"""One function a command, fact, reply or timer: load, decide, save, emit."""
