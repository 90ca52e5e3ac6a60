"""Documents (PDF, DOCX, HTML, Markdown, plain text) read as rows: one for each piece of text.

A process of its own, bounded in memory and time, converts a file to blocks (`python -m` this
package); the process that asked for them cuts the blocks into pieces.
"""
