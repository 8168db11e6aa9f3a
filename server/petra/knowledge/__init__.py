"""Documents in, passages out: extract, chunk, embed, index, rank.

The only room that knows Faiss, tantivy and PDF. This file stays empty: extraction children import
the package and have to start fast.
"""
