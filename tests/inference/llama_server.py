"""llama.cpp's own server, from xllamacpp, as a process of its own: arguments MODEL PORT."""

import sys
import threading

import xllamacpp


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.port = int(sys.argv[2])
    params.n_ctx = 2048
    params.n_parallel = 1
    params.cpuparams.n_threads = 2
    params.endpoint_metrics = True
    server = xllamacpp.Server(params)
    print(f"listens on {server.listening_address}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
