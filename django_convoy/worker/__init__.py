"""The processes that run jobs: a supervisor, its workers, and a steward."""
