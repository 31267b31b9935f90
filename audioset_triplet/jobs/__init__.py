"""Long work in shards that are done once each, in any order, by any number of processes or machines."""
