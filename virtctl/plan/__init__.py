"""What virtctl decides: pure functions over objects that were read, and documents that it renders."""
