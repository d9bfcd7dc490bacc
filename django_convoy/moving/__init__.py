"""Moves jobs from one backend of TASKS to another, in steps that can be taken again."""
