"""Migrations of the tables; they only add, and drop two minor versions later."""
