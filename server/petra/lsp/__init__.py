"""The editors' door: `petra lsp` (forwarder, link, framing: standard library only) and, in the server,
one pygls session per connection on Petra's own transport."""
