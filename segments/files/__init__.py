"""Tables in any format, read and written. Knows no Django model."""
