"""Cases: questions with what counts as right, from JSONL, CSV and SQuAD files."""
