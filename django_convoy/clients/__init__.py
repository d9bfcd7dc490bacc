"""Ways to servers that are no databases, for the brokers and stores that share them."""
