"""Ingestion: a folder of files becomes documents (`folder.read_folder`), a document becomes chunks (`split.split`)."""
