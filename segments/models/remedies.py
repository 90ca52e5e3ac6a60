"""What to do about a bad row, by the code of what is wrong with it."""

REMEDIES = {
    "bad_json": "Mend the object: one JSON object with texts in quotes.",
    "blank_cell": "Fill the cell or remove the row.",
    "broken_character": "Type the character again.",
    "cell_too_long": "Split the row into several.",
    "duplicate_external_id": "Give every row an external id of its own, or remove the row.",
    "error_value": "Mend the cell's formula or write its value.",
    "formula_without_value": "Open the file in a spreadsheet program and save it again.",
    "full_text_too_large": "Split the row into several.",
    "id_too_long": "Shorten the external id.",
    "merged_cell": "Unmerge the cells and fill each.",
    "not_text": "Write a text in quotes.",
    "nul_character": "Remove the character.",
    "over_token_limit": "Split the row into several.",
    "ragged_row": "Add the missing cells, or put cells that hold a separator into quotes.",
    "row_too_wide": "Clear the cells beyond the last column.",
    "text_refused": "Change or remove the row.",
    "unclear_id": "Clear the cell for a new segment.",
    "unclear_keywords": "Write words between commas.",
    "unclear_metadata": "Write a JSON object.",
    "unclear_switch": "Write true or false, or leave the cell empty for true.",
}


def remedy_for(code: str) -> str:
    """What to do about it; nothing for a code that is not known."""
    return REMEDIES.get(code, "")
