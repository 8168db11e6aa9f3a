"""Lab 3: an echo server that serves many clients with one thread.

It listens on port 7007 of the loopback interface and sends every byte back. Try it with
`nc 127.0.0.1 7007`.

To do in the lab: close a client that has been silent for 60 seconds.
"""

import selectors
import socket

HOST = "127.0.0.1"
PORT = 7007
BACKLOG = 16  # connections that may wait for accept()
CHUNK = 4096  # bytes read at a time


def serve():
    """Accept clients and echo until the process is interrupted."""
    selector = selectors.DefaultSelector()  # epoll on Linux, kqueue on macOS
    listener = socket.create_server((HOST, PORT), backlog=BACKLOG)
    # A blocking accept() would stop all the other clients.
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ, accept)
    while True:
        for key, _ in selector.select():
            key.data(selector, key.fileobj)


def accept(selector, listener):
    """Take one waiting connection and watch it for input."""
    connection, _ = listener.accept()
    connection.setblocking(False)
    selector.register(connection, selectors.EVENT_READ, echo)


def echo(selector, connection):
    """Send back what has arrived. Zero bytes mean that the client has gone.

    This version ignores that send() may take only a part of the data. Assignment 3 must not.
    """
    data = connection.recv(CHUNK)
    if data:
        connection.send(data)
    else:
        selector.unregister(connection)
        connection.close()


if __name__ == "__main__":
    serve()
