"""What is known of queues, jobs and workers, for whoever shows it, and what may be done to them."""
