"""Jobs that cannot go to their broker yet: they wait in a table of a database.

A job enqueued in a transaction that its broker does not join waits for the commit, one whose delay
is beyond what the broker can hold for the time when it is not, one whose broker cannot be reached
for its return.
"""
