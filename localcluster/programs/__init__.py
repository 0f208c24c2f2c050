"""Programs and the pause image: compiled or fetched once, kept in the cache under what they are made from."""
