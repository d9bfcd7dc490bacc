"""Rules of schedules, against the time zone database and against independent brute force."""
