"""Full text of a dataset made anew for another language: a kind of job."""
