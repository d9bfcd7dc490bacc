"""Django's own tests of its tasks framework, run against Convoy's backends.

They are not part of this repository: `sdist.py` fetches them with the Django that is installed.
"""
