"""Pages, by Django's test client and, where there is one, by a browser."""
