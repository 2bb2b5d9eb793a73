"""Response bodies of the views."""
