"""From a file to chunks, in child processes with limits; `extractor.Extractor` is the parent's side."""
