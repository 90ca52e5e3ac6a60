"""What full text makes of a text before PostgreSQL's parser sees it, in any language."""
