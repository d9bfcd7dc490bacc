"""Tests of Convoy: `make test`."""
