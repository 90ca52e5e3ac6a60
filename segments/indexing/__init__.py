"""The index of a dataset, built behind in generations; what is newer is searched exactly."""
