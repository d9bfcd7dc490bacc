"""Pages as people use them, in a Chromium."""
