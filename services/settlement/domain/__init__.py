"""Pure rules of settlement: states, evidence, windows, questions, appropriations."""
