"""What the handbook tells of the code: problem codes and events, collected from the classes themselves."""
