"""What sites and extensions use in their own tests."""
