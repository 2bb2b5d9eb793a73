"""The figures of the code: sizes, coupling, and the files that a call runs through."""
