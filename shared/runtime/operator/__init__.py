"""What every service does beside its own work: dead letters, and its copy of keys and the clock."""
