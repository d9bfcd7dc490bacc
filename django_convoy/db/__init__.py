"""Django models, and what more than one module needs of the database."""
