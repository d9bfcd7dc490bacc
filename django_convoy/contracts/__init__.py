"""What a broker, a result store and a serializer promise; each has a conformance suite."""
