"""The ask flow: conversation, retrieve, prompt, stream, attribute, record."""
