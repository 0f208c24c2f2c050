"""What the mutating webhooks fill in. Each step takes a draft of its own and changes only what is not said."""
