"""Amazon SQS: what is its own, beside the promises of every broker."""
