"""The tables, step by step; `0001` and `0003` are written by hand."""
