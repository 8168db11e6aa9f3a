"""Corpora, experiments and their measures: how good retrieval is, as a number that anybody can have again.

Files of labelled collections are read by `beir` and `labelled_code`, judged by `measures` and `bootstrap`
(all pure), and asked through the same ingest and search as a person's files by `evaluation`.
"""
