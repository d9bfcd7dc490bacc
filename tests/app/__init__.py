"""The app of the test site: what its tasks do can be seen in its table."""
